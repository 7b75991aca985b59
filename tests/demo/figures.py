"""What was measured and counted, kept as the day goes, for the last table and the file beside it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple


class Step(NamedTuple):
    """What was done, how long it took, and of how many things."""

    what: str
    seconds: float
    count: int | None


class Figures:
    """Steps with their seconds, in order, and the day's figures by name. All are of this run."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.steps: list[Step] = []
        self.values: dict[str, Any] = {}

    @contextmanager
    def step(self, what: str, count: int | None = None) -> Iterator[None]:
        """Measures the block; ``count`` things were done in it."""
        started = time.monotonic()
        yield
        self.note(what, time.monotonic() - started, count)

    def note(self, what: str, seconds: float, count: int | None = None) -> None:
        """A step that was measured elsewhere."""
        self.steps.append(Step(what, seconds, count))

    def rows(self) -> list[tuple[str, str]]:
        """The steps for a reader."""
        rows = []
        for what, seconds, count in self.steps:
            rate = f", {count / seconds:,.0f} a second" if count else ""
            rows.append((what, f"{seconds:.1f} s{rate}"))
        rows.append(("the whole day", f"{time.monotonic() - self.began:.1f} s"))
        return rows

    def document(self) -> dict[str, Any]:
        """The same for a program."""
        steps = [{"step": what, "seconds": round(seconds, 2), "count": count} for what, seconds, count in self.steps]
        return {"seconds": round(time.monotonic() - self.began, 2), "steps": steps, **self.values}
