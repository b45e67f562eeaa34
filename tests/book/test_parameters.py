"""A notebook's parameters by papermill's own way: a wrong name stops at the first cell of work."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_papermill_cannot_pass_a_parameter_that_a_chapter_has_not(tmp_path):
    chapter = json.loads((ROOT / "notebooks/03_dift.ipynb").read_text())
    (tmp_path / "chapter.ipynb").write_text(json.dumps(chapter))
    command = [sys.executable, "-m", "papermill", "chapter.ipynb", "out.ipynb", "--kernel"]
    command += ["python3", "--no-progress-bar", "--cwd", str(ROOT), "-p", "categry", "dog"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    said = "TypeError: the notebook has no parameter 'categry'; did you mean category?"
    assert said in done.stderr, done.stderr[-2000:]
