"""What a benchmark found, beside what it was to find. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BUSY_CORES = 0.1
_HEAD = ("measure", "wanted", "measured", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measure; `wanted` None has no limit. Both are in `unit`, and less is better unless `at_least`."""

    measure: str
    unit: str
    found: float | None
    wanted: float | None = None
    at_least: bool = False
    digits: int = 1

    @property
    def met(self) -> bool | None:
        """Whether the wanted was reached; None when nothing was wanted, or nothing was found."""
        if self.found is None or self.wanted is None:
            return None
        return self.found >= self.wanted if self.at_least else self.found <= self.wanted


def markdown(rows: Sequence[Row], machine: Mapping[str, str], others: float | None) -> str:
    """The table. `others`: cores that all other programs took meanwhile, which decides what it is worth."""
    on = ", ".join(f"{value} cores" if key == "cores" else value for key, value in machine.items())
    busy = "" if others is None else f"; other programs took {others * 100:.0f} % of a core"
    lines = ["| " + " | ".join(cells) + " |" for cells in (_HEAD, ("---",) * 4, *map(_cells, rows))]
    text = f"On {on}{busy}.\n\n" + "\n".join(lines) + "\n"
    if others is not None and others > BUSY_CORES:
        text += "\nThe machine was busy with something else: times are worse than the node's own.\n"
    return text


def _cells(row: Row) -> tuple[str, str, str, str]:
    sign = "at least " if row.at_least else "at most "
    wanted = "" if row.wanted is None else f"{sign}{row.wanted:g} {row.unit}"
    found = "not measured" if row.found is None else f"{row.found:.{row.digits}f} {row.unit}"
    return row.measure, wanted, found, {True: "met", False: "**missed**", None: ""}[row.met]
