"""A benchmark from its parts: is there room for them, and each one fetched, unpacked, looked at,
and put in its place.

A part gets its real name by one renaming, when it is complete; until then it is in the hidden
folder `.fetching`.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pooch

from corrlib.data.sources import RECEIPTS, Benchmark, Mirror, Part, human, receipts
from corrlib.storage.atomic_write import atomic_write
from data_scripts.fetching import FetchError, transfer, unpack

WORK = ".fetching"  # below the home of all benchmarks
ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz")
SLACK = 100_000_000  # bytes by which every estimate may be wrong, beside being wrong by a factor
FACTOR = 4


def plan(wanted: Iterable[tuple[Benchmark, Part]], home: Path) -> tuple[int, int]:
    """Bytes to download and bytes of disk needed at the most at one time, for these parts.

    Raises FetchError when the disk that holds `home` has less.
    """
    parts = [part for _, part in wanted]
    download = sum(part.size for part in parts)
    need = sum(int(part.unpacked * 1e6) for part in parts) + max(
        (part.size for part in parts), default=0
    )
    free = free_bytes(home)
    if need + transfer.RESERVE > free:
        raise FetchError(
            f"{human(need)} are needed below {home} and {human(free)} are free on that disk; "
            "make room, or choose another place with --out FOLDER (and set `root` in "
            "profiles/paper.yml)"
        )
    return download, need


def free_bytes(folder: Path) -> int:
    """Bytes free on the disk that holds a folder, which need not exist yet."""
    folder = folder.absolute()
    return shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free


def fetch_part(
    benchmark: Benchmark,
    part: Part,
    home: Path,
    say: Callable[[str], None] = print,
    replace: bool = False,
    quiet: bool = False,
) -> None:
    """Bring one part in place, from the first of its mirrors that gives it whole.

    Raises FetchError when none does, with what each gave and what to do by hand; and, unless
    `replace`, when something else has the part's place already. Nothing incomplete is left under
    the part's name.
    """
    place = home / benchmark.folder / part.place
    if not replace and _in_the_way(benchmark, part, place):
        raise FetchError(
            f"{place} is there, but not complete: "
            f"{'; '.join(part.missing(home / benchmark.folder))}. Move it away, "
            "or add --replace to the command: the old one is removed once the new one is complete"
        )
    work = home / WORK
    work.mkdir(parents=True, exist_ok=True)
    failures, useless = [], set()
    for mirror in part.mirrors:
        if mirror.hash in useless:
            continue  # another copy of the very bytes that were refused
        given = home / mirror.file  # by hand
        try:
            if given.is_file():
                archive = _known(given, mirror)
            else:
                archive = transfer.retrieve(mirror, work, _most(part.size, mirror), quiet)
            try:
                receipt = _put(benchmark, part, archive, home)
            except FetchError:
                useless |= {mirror.hash} - {None}
                raise
            finally:
                (work / mirror.file).unlink(missing_ok=True)
        except (FetchError, OSError) as error:
            by = (
                f"{given}, which was there (delete it to fetch it anew)"
                if given.is_file()
                else mirror.url
            )
            failures.append(f"  {by}{f' ({mirror.note})' if mirror.note else ''}\n    {error}")
            say(f"{given if given.is_file() else mirror.host}: {error}")
            continue
        _note(
            home,
            f"{benchmark.name}/{mirror.file}",
            {"url": str(given) if given.is_file() else mirror.url} | receipt,
        )
        if given.is_file():
            say(f"{given} was there before and stays; it can be deleted")
        return
    by_hand = part.mirrors[0]
    raise FetchError(
        f"{benchmark.title}: none of {len(part.mirrors)} addresses gave {place}. Tried, in this "
        "order:\n"
        + "\n".join(failures)
        + f"\nBy hand: see {benchmark.page}, get {by_hand.file} in any way, put it at "
        f"{home / by_hand.file}, and type again: " + benchmark.command(home)
    )


def _known(given: Path, mirror: Mirror) -> Path:
    """The file that was put there by hand. Raises FetchError when its checksum is known to be
    another.
    """
    if mirror.hash:
        algorithm, _, digits = mirror.hash.partition(":")
        if (have := pooch.file_hash(str(given), algorithm)) != digits:
            raise FetchError(f"its {algorithm} is {have}; wanted {digits}")
    return given


def _in_the_way(benchmark: Benchmark, part: Part, place: Path) -> bool:
    """Whether something other than the benchmark's further parts has the part's place."""
    if part.place or not place.is_dir():
        return place.exists()
    return bool(
        {child.name for child in place.iterdir()} - {other.place for other in benchmark.parts}
    )


def _most(size: int, mirror: Mirror) -> int:
    """The most bytes that are taken from a mirror: what it states, or generously more than the
    estimate.
    """
    return mirror.size or FACTOR * size + SLACK


def _put(benchmark: Benchmark, part: Part, archive: Path, home: Path) -> dict:
    """Unpack the archive beside the part's place, look whether all is there, rename. Returns what
    is to be noted of it.
    """
    staging = home / WORK / "unpacking"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        with open(archive, "rb") as file:
            receipt = {
                "bytes": archive.stat().st_size,
                "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
            }
        if archive.suffix in ARCHIVES:
            limit = min(
                int(FACTOR * part.unpacked * 1e6) + SLACK,
                max(0, free_bytes(home) - transfer.RESERVE),
            )
            done = unpack.unpack(archive, staging / "tree", limit)
            found, receipt = (
                _find(staging / "tree", part),
                receipt | {"unpacked": done.size, "files": done.files},
            )
        else:
            staging.mkdir()
            found = staging / archive.name
            shutil.copyfile(archive, found)
            _is_a_list(found)
        if missing := Part(part.mirrors, 0, 0, "", part.holds, rows=part.rows).missing(found):
            raise FetchError(
                f"what {archive.name} holds is not complete: "
                f"{'; '.join(missing).replace(str(staging), archive.name)}"
            )
        _swap(found, home / benchmark.folder / part.place, staging / "old")
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return receipt


def _find(tree: Path, part: Part) -> Path:
    """The folder in the unpacked tree that is the part, whatever it and those above it are called:
    at most three levels down.
    """
    level, partly = [tree], None
    for _ in range(4):
        for folder in level:
            have = [any(True for _ in folder.glob(pattern)) for pattern in part.holds]
            if all(have):
                return folder
            partly = partly or (folder if any(have) else None)
        level = [child for folder in level for child in sorted(folder.iterdir()) if child.is_dir()]
        if len(level) > 1000:
            break
    if partly is not None:
        return partly  # named by what it lacks
    top = ", ".join(sorted(path.name for path in tree.iterdir())[:8])
    raise FetchError(
        f"the archive has another layout: nowhere in it are {', '.join(part.holds)}; at its top "
        f"are {top}"
    )


def _is_a_list(path: Path) -> None:
    with open(path, "rb") as file:
        begin = file.read(512).lstrip()
    if begin[:1] == b"<" or b"\0" in begin or b"," not in begin:
        raise FetchError(
            f"{path.name} is no list of comma separated values: it begins with {begin[:24]!r}"
        )


def _swap(new: Path, place: Path, old: Path) -> None:
    """Give the new part its name; one that had it is moved out of the way first, and comes back if
    the renaming fails.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        os.replace(place, old)
    try:
        os.replace(new, place)
    except OSError:
        if old.exists():
            os.replace(old, place)
        raise
    for child in (
        old.iterdir() if old.is_dir() else ()
    ):  # other parts, and whatever else lay in the old one, stay
        if not (place / child.name).exists():
            os.replace(child, place / child.name)


def _note(home: Path, name: str, receipt: dict) -> None:
    """Add to the list of what was fetched, whole or not at all."""
    every = receipts(home) | {
        name: receipt | {"date": datetime.now(UTC).isoformat(timespec="seconds")}
    }
    with atomic_write(home / RECEIPTS) as part:
        part.write_text(json.dumps(every, indent=1, sort_keys=True) + "\n")
