"""What is shown while a run goes on."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from ivr.load.report import Sample


class ProgressBar:
    """Calls up, failed, RTP packets a second and CPU, on a terminal; a line at each stage anywhere."""

    def __init__(self, console: Console, calls: int, over_s: float) -> None:
        self._console = console
        self._calls = calls
        self._over_s = over_s
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[now]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("starting", total=over_s, now="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def stage(self, text: str) -> None:
        """A new stage of the run."""
        self._progress.update(self._task, description=text)
        if not self._console.is_terminal:
            self._console.print(text, highlight=False)

    def sample(self, sample: Sample) -> None:
        """One second has passed."""
        cores = "" if sample.cores is None else f", CPU {100 * sample.cores:.0f} %"
        now = f"{sample.up} of {self._calls} up, {sample.failed} failed, {sample.packets_per_s:.0f} packets/s"
        self._progress.update(self._task, completed=min(sample.at_s, self._over_s), now=now + cores)
