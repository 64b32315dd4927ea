"""The course of a run as a picture, where matplotlib is installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from ivr.load.report import LoadReport

NAME = "plot.png"
_SIZE_INCHES, _DPI = (9.0, 7.0), 110


def plot(report: LoadReport, folder: Path) -> str | None:
    """Write the picture; its name, or None when matplotlib is not installed."""
    if find_spec("matplotlib") is None or not report.samples:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    at = [sample.at_s for sample in report.samples]
    up, packets, cores = figure.subplots(3, 1, sharex=True)
    _line(up, at, [s.up for s in report.samples], "calls up")
    _line(packets, at, [s.packets_per_s for s in report.samples], "RTP packets/s received")
    _line(cores, at, [100 * (s.cores or 0.0) for s in report.samples], "node, % of a core")
    cores.set_xlabel("seconds after the first INVITE")
    figure.suptitle(f"{report.asked.calls} calls, {report.asked.rate:g}/s, {report.asked.hold_s:g} s each")
    figure.savefig(folder / NAME)
    return NAME


def _line(axes: object, at: Sequence[float], values: Sequence[float], name: str) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    axes.plot(at, values, linewidth=1.2)
    axes.set_ylabel(name)
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.3)
