"""What importing the SDK costs a service, and how much code there is, by folder."""

import ast
import io
import subprocess
import sys
import tokenize
from collections import Counter
from pathlib import Path
from typing import Final

from tests.benchmarks.figures import Result, Table, ratios, spread
from tests.benchmarks.stage import ROOT, Bench

__all__ = ["run"]

REPEATS: Final = 7
_OURS: Final = "ledger.sdk"
_PEER: Final = "httpx2"
_MODULES: Final = (
    _OURS,
    _PEER,
    "ledger.sdk.sync",
    "ledger.sdk.testing",
    "ledger.sdk.http_transport",
    "msgspec",
)
_TIMED: Final = "import time; began = time.perf_counter(); import {}; print(time.perf_counter() - began)"
_SUFFIXES: Final = (".py", ".sql", ".avsc")
_SILENT: Final = frozenset(
    {
        tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING,
        tokenize.ENDMARKER,
    }
)  # fmt: skip


def run(bench: Bench) -> Result:
    """Each module in a fresh interpreter, by turns; the first round only fills the page cache."""
    seconds: dict[str, list[float]] = {module: [] for module in _MODULES}
    for turn in range(REPEATS + 1):
        for module in _MODULES:
            took = _import_seconds(module)
            if turn > 0:
                seconds[module].append(took * 1_000)
    rows = tuple((module, spread(found), min(found)) for module, found in seconds.items())
    return Result(
        name="imports",
        about="import time of the SDK, lines of code by folder",
        settings={"repeats": REPEATS, "interpreter": "a fresh one each time, with compiled files"},
        tables=(
            Table(title="milliseconds to import", columns=("module", "median (min-max)", "best"), rows=rows),
            Table(
                title=f"{_OURS} beside {_PEER} (times as long; lower is better)",
                columns=("what", "ratio"),
                rows=(("import", ratios(seconds[_OURS], seconds[_PEER])),),
            ),
            Table(
                title="lines of code (no blank line, comment or docstring)",
                columns=("folder", "files", "Python", "SQL", "Avro", "with everything"),
                rows=_folders(),
            ),
        ),
    )


def _import_seconds(module: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _TIMED.format(module)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return float(done.stdout)


def _folders() -> tuple[tuple[str | int, ...], ...]:
    counted: dict[str, Counter[str]] = {}
    for path in sorted(
        path for top in ("ledger", "projections", "schemas", "tests") for path in (ROOT / top).rglob("*")
    ):
        if path.suffix in _SUFFIXES:
            folder = "/".join(path.relative_to(ROOT).parts[:-1][:2])
            counts = counted.setdefault(folder, Counter())
            text = path.read_text(encoding="utf-8")
            counts["files"] += 1
            counts["everything"] += text.count("\n")
            counts[path.suffix] += _code_lines(path, text)
    rows: list[tuple[str | int, ...]] = [
        (folder, *_row(counts)) for folder, counts in sorted(counted.items())
    ]
    for label, is_in in (("the product", False), ("the tests", True)):
        total: Counter[str] = Counter()
        for folder, counts in counted.items():
            if folder.startswith("tests") is is_in:
                total.update(counts)
        rows.append((label, *_row(total)))
    return tuple(rows)


def _row(counts: Counter[str]) -> tuple[int, ...]:
    return (counts["files"], *(counts[suffix] for suffix in _SUFFIXES), counts["everything"])


def _code_lines(path: Path, text: str) -> int:
    if path.suffix == ".py":
        return _python_lines(text)
    return sum(1 for line in text.splitlines() if line.strip() and not line.lstrip().startswith("--"))


def _python_lines(text: str) -> int:
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _SILENT:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        # A string by itself says something to people: a docstring, also one under a constant.
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)
