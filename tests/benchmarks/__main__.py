"""``python -m tests.benchmarks [name...]``: measures, prints tables (or ``--json``), and ends all that it started."""

import argparse
import asyncio
import importlib
import inspect
import signal
import sys
import time
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tests.benchmarks import machine
from tests.benchmarks.figures import Result, as_text
from tests.benchmarks.stage import Bench

NAMES: Final = ("domain", "imports", "fold", "decisions", "intake", "freshness", "backfill", "list_import", "archive", "erasures")


def main(arguments: list[str]) -> int:
    """Run the benchmarks named, all by default; data on standard output, progress on standard error."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"any of: {', '.join(NAMES)}")
    parser.add_argument("--json", action="store_true", help="one JSON document in place of tables")
    parser.add_argument("--seed", type=int, default=7, help="of the generated events (7)")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="0.1 for a tenth of the size: to try, not to report"
    )
    chosen = parser.parse_args(arguments)
    unknown = sorted(set(chosen.names) - set(NAMES))
    if unknown or not 0 < chosen.scale <= 10:
        parser.error(
            f"no benchmark named {', '.join(unknown)}" if unknown else "--scale lies between 0 and 10"
        )
    # Ended from outside, what was started is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    head = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"), "seed": chosen.seed, "scale": chosen.scale,
        "machine": machine.describe(),
    }  # fmt: skip
    if not chosen.json:
        print(_head_text(head))
    results = []
    with Bench(chosen.seed, chosen.scale) as bench:
        for name in chosen.names or NAMES:
            result = _measure(name, bench)
            results.append(result)
            if not chosen.json:
                print(as_text(result), flush=True)
    if chosen.json:
        print(msgspec.json.format(msgspec.json.encode(head | {"results": results})).decode())
    return 0


def _measure(name: str, bench: Bench) -> Result:
    print(f"Measuring {name}", file=sys.stderr, flush=True)
    run = importlib.import_module(f"tests.benchmarks.{name}").run
    needs_services = inspect.iscoroutinefunction(run)
    if needs_services:
        bench.start_services()
    load_before, began = machine.load(), time.perf_counter()
    found: Any = asyncio.run(run(bench)) if needs_services else run(bench)
    result: Result = found
    return msgspec.structs.replace(
        result,
        settings={
            **result.settings,
            "load average before and after": f"{load_before}, {machine.load()}",
            "took": f"{time.perf_counter() - began:.0f} s",
        },
    )


def _head_text(head: dict[str, Any]) -> str:
    about = head["machine"]
    libraries = ", ".join(f"{name} {found}" for name, found in about["libraries"].items())
    return (
        f"{head['date']}, seed {head['seed']}, scale {head['scale']:g}\n"
        f"{about['cores']} cores ({about['processor']}), {about['memory_gib']} GiB, {about['system']}, "
        f"Python {about['python']}, Kafka {about['kafka']}\n{libraries}\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
