"""Decisions per second of one API process at 32 connections, beside its emptiest route in the same run.

One question in each request, by subject id, about a person of the prefilled load. ``/livez`` costs everything that
HTTP costs (socket, parser, routing, answer) and nothing of the ledger: the quotient is the ledger's own part.
"""

import random
from collections import Counter
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

import msgspec
import psutil

from tests.benchmarks.figures import Result, Table, ratios, spread
from tests.benchmarks.http_client import get, offered, post
from tests.benchmarks.http_load import Job, Outcome
from tests.benchmarks.stage import Bench

__all__ = ["CONNECTIONS", "run"]

CONNECTIONS: Final = 32
REPEATS: Final = 5
SECONDS: Final = 4.0
WARM_SECONDS: Final = 1.0
REQUESTS: Final = 20_000
_QUESTIONS: Final = (
    {"purpose": "newsletter", "channel": "email"},
    {"purpose": "newsletter", "channel": "sms"},
    {"purpose": "profiling"},
    {"purpose": "offers", "channel": "email"},
)
_NO_ANSWERS: Final = frozenset({"unavailable", "stale", "log_refused", "position_unknown", "subject_unknown"})


async def run(bench: Bench) -> Result:
    load = await bench.prefilled()
    worker = await bench.folded(load.log, load.records)
    api = bench.stack.start_api()
    try:
        port = urlsplit(api.url).port or 0
        key = await bench.api_key(load.log.controller)
        chance = random.Random(bench.seed)
        asked = [
            post("/v1/decisions", key, {"questions": [question | {"subject": {"subject_id": subject.hex()}}]})
            for subject, question in zip(
                chance.choices(load.subjects, k=REQUESTS), chance.choices(_QUESTIONS, k=REQUESTS), strict=True
            )
        ]
        jobs = {"decision": asked, "/livez": [get("/livez")]}
        outcomes: dict[str, list[Outcome]] = {name: [] for name in jobs}
        cpu: dict[str, list[float]] = {name: [] for name in jobs}
        process = psutil.Process(api.pid)
        for turn in range(REPEATS + 1):
            for name, requests in jobs.items():
                seconds = bench.shortened(SECONDS if turn else WARM_SECONDS)
                before = sum(process.cpu_times()[:2])
                outcome = await offered(
                    Job(port=port, connections=CONNECTIONS, seconds=seconds, requests=requests), "200"
                )
                if turn:
                    outcomes[name].append(outcome)
                    cpu[name].append((sum(process.cpu_times()[:2]) - before) / outcome.answered * 1e6)
    finally:
        api.stop()
        worker.stop()
    return _result(outcomes, cpu, load.log.partitions, len(load.subjects), bench.shortened(SECONDS))


def _reasons(outcomes: Iterable[Outcome]) -> Counter[str]:
    """How often each reason stands in the sampled answers; raises when one was no answer at all."""
    reasons: Counter[str] = Counter()
    for outcome in outcomes:
        for sample in outcome.samples:
            (answer,) = msgspec.json.decode(sample)["answers"]
            reasons[answer["reason"]] += 1
    if not _NO_ANSWERS.isdisjoint(reasons):
        raise RuntimeError(f"some questions were not answered: {dict(reasons)}")
    return reasons


def _result(
    outcomes: dict[str, list[Outcome]],
    cpu: dict[str, list[float]],
    partitions: int,
    subjects: int,
    seconds: float,
) -> Result:
    reasons = _reasons(outcomes["decision"])
    rates = {name: [one.rate for one in found] for name, found in outcomes.items()}
    return Result(
        name="decisions",
        about="decisions per second of one API process",
        settings={
            "connections": CONNECTIONS,
            "repeats": f"{REPEATS} of {seconds:g} s each, by turns, after a warm-up",
            "subjects": subjects,
            "partitions": partitions,
            "load generator": "tests.benchmarks.http_load, one process, uvloop, raw HTTP/1.1 keep-alive",
            "reasons in a sample of the answers": ", ".join(
                f"{name} {n}" for name, n in reasons.most_common()
            ),
        },
        tables=(
            Table(
                title="one API process",
                columns=("route", "answers/s", "p50 ms", "p99 ms", "API CPU us/answer"),
                rows=tuple(
                    (
                        name,
                        spread(rates[name]),
                        spread([one.p50_ms for one in found]),
                        spread([one.p99_ms for one in found]),
                        spread(cpu[name]),
                    )
                    for name, found in outcomes.items()
                ),
            ),
            Table(
                title="decision beside /livez (share of its rate; higher is better)",
                columns=("what", "ratio"),
                rows=(("answers/s", ratios(rates["decision"], rates["/livez"])),),
            ),
        ),
        notes=("API, Postgres, fold worker, broker and load generator share the machine.",),
    )
