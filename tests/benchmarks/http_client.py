"""Asks the load generator for a job, as a process of its own, and checks what came back."""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.benchmarks.http_load import Job, Outcome
from tests.benchmarks.stage import ROOT

__all__ = ["get", "offered", "post"]

ANSWER_SECONDS: Final = 60.0
"""For the start of the process and the last answers, on a busy machine."""


def get(path: str) -> bytes:
    """A complete request without a body."""
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()


def post(path: str, api_key: str, body: Any, **headers: str) -> bytes:
    """A complete request with a JSON body."""
    content = msgspec.json.encode(body)
    lines = [
        f"POST {path} HTTP/1.1", "host: 127.0.0.1", f"authorization: Bearer {api_key}",
        "content-type: application/json", f"content-length: {len(content)}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


async def offered(job: Job, expected_status: str) -> Outcome:
    """What the server answered; raises unless every answer has the status expected."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "job"
        file.write_bytes(msgspec.msgpack.encode(job))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.benchmarks.http_load",
            str(file),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(job.seconds + ANSWER_SECONDS):
                printed, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if process.returncode != 0:
        raise RuntimeError(f"the load generator ended with {process.returncode}")
    outcome = msgspec.json.decode(printed, type=Outcome)
    if set(outcome.statuses) != {expected_status}:
        raise RuntimeError(
            f"not every answer was {expected_status}: {outcome.statuses}\n{outcome.samples[-1]}"
        )
    return outcome
