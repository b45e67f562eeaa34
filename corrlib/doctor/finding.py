"""One line of a report."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is well (None: just said), and what was seen, in words."""

    name: str
    ok: bool | None
    said: str

    def __str__(self) -> str:
        mark = {True: "ok     ", False: "FAILED ", None: "       "}[self.ok]
        return f"{mark} {self.name}: {self.said}"
