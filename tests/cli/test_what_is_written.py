"""Outputs of the commands never destroy what was there."""

import json

import pandas as pd
import pytest
from conftest import picture

from book import screenshots
from corrlib.cli import main, table
from corrlib.storage.result_folder import ResultFolder
from data_scripts import label_by_prompts, make_toybox


def said(capsys, *argv) -> tuple[int, str]:
    code = main([str(word) for word in argv])
    out, err = capsys.readouterr()
    return code, out if code == 0 else err


@pytest.fixture
def images(tmp_path):
    """Two pictures in one folder, with points."""
    for i, name in enumerate(("a.png", "b.png")):
        picture(60, 45, i).save(tmp_path / name)
    (tmp_path / "pairs.csv").write_text(
        "source,target,source_x,source_y,target_x,target_y\na.png,b.png,10,10,10,10\n"
    )
    return tmp_path


def test_a_figure_never_replaces_a_photograph(capsys, images):
    asked = ["match", images / "a.png", images / "b.png", "--points", "4,4", "--method", "pixels"]
    before = {name: (images / name).read_bytes() for name in ("a.png", "b.png")}
    for name in before:
        for force in ([], ["--force"]):
            code, err = said(capsys, *asked, "--out", images / name, *force)
            assert code == 2 and f"{name} is read by this very command" in err
    mine = images / "mine.png"
    mine.write_bytes(b"mine")
    code, err = said(capsys, *asked, "--out", mine)
    assert code == 2 and "mine.png is there already; name another --out, or add --force" in err
    assert mine.read_bytes() == b"mine"
    assert said(capsys, *asked, "--out", mine, "--force")[0] == 0 and len(mine.read_bytes()) > 1000
    assert all((images / name).read_bytes() == data for name, data in before.items())


def test_a_file_is_no_folder_of_results(capsys, images):
    asked = ["evaluate", "--data", "folder", "--root", images, "--method", "copy_position", "--out"]
    for out in (images / "a.png", images / "a.png/below"):
        code, err = said(capsys, *asked, out)
        assert code == 2 and "a.png is a file; wanted a folder: name another --out" in err
    assert said(capsys, *asked, images / "run")[0] == 0
    code, err = said(capsys, "table", images / "run", "--out", images / "a.png")
    assert code == 2 and "a.png is a file" in err


def test_tables_replace_their_own_files_only(capsys, images):
    run, out = images / "run", images / "tables"
    asked = ["evaluate", "--data", "folder", "--root", images, "--method", "copy_position", "--out"]
    said(capsys, *asked, run)
    out.mkdir()
    (out / "results.csv").write_text("mine"), (out / "notes.csv").write_text("mine")
    code, err = said(capsys, "table", run, "--out", out)
    assert code == 2 and "results.csv is there already" in err
    assert sorted(path.name for path in out.iterdir()) == ["notes.csv", "results.csv"]
    assert (out / "results.csv").read_text() == "mine"
    assert said(capsys, "table", run, "--out", out, "--force")[0] == 0
    assert said(capsys, "table", run, "--out", out)[0] == 0, "its own files are written again"
    assert (out / "notes.csv").read_text() == "mine"


def test_runs_of_one_name_are_all_shown(capsys, images):
    asked = ["evaluate", "--data", "folder", "--root", images, "--out"]
    said(capsys, *asked, images / "x/run", "--method", "copy_position")
    said(capsys, *asked, images / "y/run", "--method", "pixels")
    said(capsys, *asked, images / "other", "--method", "pixels")
    folders = [images / "x/run", images / "y/run", images / "other", images / "x/run"]
    code, out = said(capsys, "table", *folders, "--out", images / "tables")
    assert code == 0
    rows = json.loads((images / "tables/results.json").read_text())["rows"]
    assert [row["name"] for row in rows] == ["x/run", "y/run", "other"]
    assert "copy_position" in rows[0]["run"] and "pixels" in rows[1]["run"] and "y/run" in out
    (images / "run/run").mkdir(parents=True)
    names = table.named([images / "run", images / "run/run", images / "x/run"])
    assert list(names) == [f"{images.name}/run", "run/run", "x/run"]


def test_a_sweep_called_as_the_table_of_all_is_refused(capsys, images, tiny_folder):
    asked = ["evaluate", "--data", "folder", "--root", images, "--set", f"model={tiny_folder}"]
    asked += ["--set", "ensemble=1", "--set", "size=32x32", "--layers", "up_blocks.0"]
    said(capsys, *asked, "--out", images / "results")
    code, err = said(capsys, "table", images / "results", "--out", images / "tables")
    assert code == 2 and "a sweep's folder is called results" in err


def test_a_data_set_of_one_s_own_is_never_removed(capsys, tmp_path):
    own = tmp_path / "TSS_CVPR2016"
    own.mkdir()
    (own / "mine.txt").write_text("mine")
    words = ["--out", str(tmp_path), "--only", "tss", "--limit", "1", "--workers", "1"]
    assert make_toybox.main(words) == 2
    assert "TSS_CVPR2016 is there, and not as make_toybox.py wrote it" in capsys.readouterr().err
    assert [path.name for path in own.iterdir()] == ["mine.txt"]
    assert make_toybox.main([*words, "--force"]) == 0 and not (own / "mine.txt").exists()
    assert make_toybox.main(words) == 0, "what it wrote it writes again"
    (own / "mine.txt").write_text("mine")
    assert make_toybox.main(words) == 2 and (own / "mine.txt").read_text() == "mine"
    (tmp_path / ".toybox-mine").mkdir()
    assert make_toybox.main([*words, "--force"]) == 0 and (tmp_path / ".toybox-mine").is_dir()
    (tmp_path / "file").write_text("mine")
    assert make_toybox.main(["--out", str(tmp_path / "file"), "--only", "tss"]) == 2
    assert "file is a file; wanted a folder" in capsys.readouterr().err


def test_labels_never_replace_a_card_of_one_s_own(capsys, tmp_path):
    from tests.toybox.test_emergence import write_toys

    write_toys(tmp_path / "SPair-71k")
    (tmp_path / "README.md").write_text("mine")
    words = ["--root", str(tmp_path), "--split", "test", "--out", str(tmp_path)]
    words += ["--work", str(tmp_path / "work")]
    assert label_by_prompts.main(words) == 2
    said = capsys.readouterr().err
    assert "README.md is there already" in said and said.count("\n") == 1
    assert (tmp_path / "README.md").read_text() == "mine" and not (tmp_path / "work").exists()


def test_a_check_of_a_record_leaves_a_file_of_one_s_own(capsys, tmp_path):
    (tmp_path / "mine.json").write_text("mine")
    code, err = said(capsys, "record", "check", "prompt_cost", "--out", tmp_path / "mine.json")
    assert code == 2 and "mine.json is there already" in err
    assert (tmp_path / "mine.json").read_text() == "mine"


def test_screenshots_leave_pictures_of_one_s_own(tmp_path, monkeypatch):
    book, shots = tmp_path / "build/toybox/book", tmp_path / "shots"
    book.mkdir(parents=True), shots.mkdir()
    (book / "index.html").write_text("<html>")
    (shots / "index-1400-0.png").write_text("mine")
    monkeypatch.setattr(screenshots, "ROOT", tmp_path)
    monkeypatch.setattr(screenshots.shutil, "which", lambda name: "true")
    monkeypatch.setattr(screenshots, "height_of", lambda *_: 800)
    with pytest.raises(FileExistsError, match="index-1400-0.png is there already"):
        screenshots.main("toybox", str(shots))
    assert (shots / "index-1400-0.png").read_text() == "mine"


def test_a_table_of_a_damaged_run_is_one_line(capsys, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.json").write_text('{"parts": 1, "cont')
    code, err = said(capsys, "table", tmp_path / "run")
    assert code == 2 and "run.json does not say what run this is" in err and err.count("\n") == 1
    ResultFolder.start(tmp_path / "other", {}, 1).write(0, pd.DataFrame({"mine": [1]}))
    code, err = said(capsys, "table", tmp_path / "other")
    assert code == 2 and "no table of matches: it has no column pair" in err
    assert err.endswith(f"it has mine (in {tmp_path / 'other'})\n")
