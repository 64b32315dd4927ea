"""The import rules of ARCHITECTURE.md, read from the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
# One importing module (or package) for each library that shapes what it touches.
ONLY_IN = {
    "pjsua2": ("media/worker/",),
    "phonenumbers": ("ivr/numbers.py",),
    "nicegui": ("ivr/desktop/",),
    "sqlalchemy": ("ivr/store/",),
    "jinja2": ("ivr/flow/", "ivr/salesforce/simulator/"),
    "pyttsx3": ("media/speech/",),
    "prometheus_client": ("ivr/telemetry/",),
    "typer": ("ivr/cli/",),
    "soundfile": ("media/sound.py",),
    "soxr": ("media/sound.py",),
    "matplotlib": ("ivr/load/plot.py",),
}
CORES = (
    "ivr/acd/agent.py",
    "ivr/acd/core.py",
    "ivr/acd/decisions.py",
    "ivr/acd/estimate.py",
    "ivr/acd/lines.py",
    "ivr/acd/match.py",
    "ivr/acd/model.py",
    "ivr/acd/roster.py",
    "ivr/acd/score.py",
    "ivr/caller.py",
    "ivr/comment.py",
    "ivr/desk.py",
    "ivr/ending.py",
    "ivr/flow/check.py",
    "ivr/flow/constants.py",
    "ivr/flow/entry.py",
    "ivr/flow/finding.py",
    "ivr/flow/jsonpath.py",
    "ivr/flow/jsonpath_reader.py",
    "ivr/flow/jsonpath_steps.py",
    "ivr/flow/loops.py",
    "ivr/flow/model.py",
    "ivr/flow/reach.py",
    "ivr/flow/read_node.py",
    "ivr/flow/reading.py",
    "ivr/flow/salvage.py",
    "ivr/flow/saying/english.py",
    "ivr/flow/saying/korean.py",
    "ivr/flow/saying/language.py",
    "ivr/flow/schedule.py",
    "ivr/flow/wording.py",
    "ivr/load/callers.py",
    "ivr/load/calls.py",
    "ivr/load/figures.py",
    "ivr/load/g711.py",
    "ivr/load/markdown.py",
    "ivr/load/options.py",
    "ivr/load/report.py",
    "ivr/load/rtp.py",
    "ivr/load/sipp_trace.py",
    "ivr/load/stream_figures.py",
    "ivr/load/verdict.py",
    "ivr/numbers.py",
    "ivr/recognition.py",
    "ivr/salesforce/cases.py",
    "ivr/salesforce/match.py",
    "ivr/salesforce/model.py",
    "media/sip/bye.py",
    "media/sip/headers.py",
    "media/sip/identity.py",
)
NOT_IN_CORES = {"asyncio", "socket", "time", "httpx", "sqlalchemy", "fastapi", "pjsua2", "threading"}


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the product by its path."""
    for package in ("ivr", "media"):
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules that a tree imports, anywhere in it."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module
            case _:
                pass


def test_media_never_imports_ivr() -> None:
    wrong = [
        f"{path}: {name}"
        for path, tree in sources()
        if path.startswith("media/")
        for name in imported(tree)
        if name.split(".")[0] == "ivr"
    ]
    assert wrong == []


def test_each_library_has_its_place() -> None:
    wrong = [
        f"{path}: {name}"
        for path, tree in sources()
        for name in imported(tree)
        if not path.startswith(ONLY_IN.get(name.split(".")[0], ("",)))
    ]
    assert wrong == []


def test_workers_import_next_to_nothing() -> None:
    allowed = {"pjsua2", "msgspec", "media", "__future__", *sys.stdlib_module_names}
    wrong = [
        f"{path}: {name}"
        for path, tree in sources()
        if path.startswith("media/worker/")
        for name in imported(tree)
        if name.split(".")[0] not in allowed
    ]
    assert wrong == []


def test_the_entry_points_import_nothing_at_their_top() -> None:
    for path in ("ivr/cli/entry.py", "media/worker/entry.py"):
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = [node.module for node in top if isinstance(node, ast.ImportFrom)]
        assert [n for n in names if n != "__future__"] == []
        assert not [node for node in top if isinstance(node, ast.Import)]


def test_cores_do_no_input_or_output() -> None:
    trees = dict(sources())
    wrong = [
        f"{path}: {name}"
        for path in CORES
        for name in imported(trees[path])
        if name.split(".")[0] in NOT_IN_CORES
    ]
    assert wrong == []
    waiting = [path for path in CORES if any(isinstance(n, ast.Await) for n in ast.walk(trees[path]))]
    assert waiting == []


def test_only_the_clock_reads_the_time_in_ivr() -> None:
    wrong = [
        f"{path}:{node.lineno}"
        for path, tree in sources()
        if path.startswith("ivr/") and path != "ivr/clock.py" and "testing" not in path
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"time.time", "time.monotonic", "datetime.now", "datetime.utcnow"}
    ]
    assert [place for place in wrong if "/simulator/" not in place] == []


def test_the_command_line_helps_without_loading_the_product() -> None:
    code = "import ivr.cli.app, sys; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True, timeout=30
    )
    heavy = {"nicegui", "sqlalchemy", "pjsua2", "numpy", "fastapi", "pyttsx3", "httpx"}
    assert heavy & set(done.stdout.split()) == set()
