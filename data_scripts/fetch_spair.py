"""Fetch SPair-71k from its publisher and unpack it; typed again after an interruption, it goes on.

    python data_scripts/fetch_spair.py --out build/paper/data

writes OUT/SPair-71k. No checksum is published, so the archive's is printed, to be kept beside results.
"""

import argparse
import hashlib
import shutil
import sys
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

URL = "https://cvlab.postech.ac.kr/research/SPair-71k/data/SPair-71k.tar.gz"
PAIRS = {"trn": 53340, "val": 5384, "test": 12234}  # lines of Layout/large


def download(url: str, path: Path) -> None:
    """Fetch `url` to `path`, going on from a partial file. Raises SystemExit with what to do instead when it cannot be reached."""
    part = path.with_suffix(".part")
    begun = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={begun}-"} if begun else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer, open(part, "ab" if answer.status == 206 else "wb") as out:
            shutil.copyfileobj(answer, out, 1 << 20)
    except (urllib.error.URLError, OSError) as error:
        sys.exit(f"cannot fetch {url}: {error}\nFetch it by other means, put it at {path}, and type this command again.")
    part.rename(path)


def unpack(archive: Path, out: Path) -> Path:
    """Unpack the archive into `out`; members that would leave it are refused. Returns the data set's folder."""
    folder, part = out / "SPair-71k", out / ".unpacking"
    shutil.rmtree(part, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(part, filter="data")
    shutil.rmtree(folder, ignore_errors=True)
    (part / "SPair-71k").rename(folder)
    shutil.rmtree(part)
    return folder


def count(folder: Path) -> dict[str, int]:
    """Pairs that each split lists."""
    lists = {split: folder / "Layout/large" / f"{split}.txt" for split in PAIRS}
    return {split: len(path.read_text().split()) if path.is_file() else 0 for split, path in lists.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder that will hold SPair-71k and the archive")
    parser.add_argument("--url", default=URL, help="another address of the same archive")
    out, url = (args := parser.parse_args()).out, args.url
    out.mkdir(parents=True, exist_ok=True)
    if count(out / "SPair-71k") == PAIRS:
        print(f"{out / 'SPair-71k'} is there, with all {sum(PAIRS.values()):,} pairs")
        return
    archive = out / "SPair-71k.tar.gz"
    if not archive.is_file():
        download(url, archive)
    with open(archive, "rb") as file:
        print(f"{archive}: sha256 {hashlib.file_digest(file, 'sha256').hexdigest()}")
    found = count(unpack(archive, out))
    if found != PAIRS:
        sys.exit(f"the archive lists {found} pairs; wanted {PAIRS}: it is not the whole SPair-71k")
    print(f"{out / 'SPair-71k'}: {found}")


if __name__ == "__main__":
    main()
