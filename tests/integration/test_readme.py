"""README's code runs as printed, against the real stack."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from ledger.api import keys
from ledger.read_model import pool
from ledger.sdk import Ledger, email
from tests.support.live import Live

README = Path(__file__).resolve().parents[2] / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)


def test_the_readme_shows_code() -> None:
    assert len(BLOCKS) == 3


@pytest.mark.parametrize("number", range(len(BLOCKS)))
async def test_a_block_of_the_readme_runs_as_printed(live: Live, number: int, tmp_path: Path) -> None:
    controller = await live.stack.new_controller(catalogue="omilon")
    connection = await pool.connect(live.stack.dsn, application_name="test-readme")
    try:
        key = await keys.create(
            connection, controller=controller, source="readme", scopes=["record", "ask", "read"]
        )
    finally:
        await connection.close()
    await _wait_until_folded(live.url, key)
    script = tmp_path / "block.py"
    script.write_text(BLOCKS[number])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        str(script),
        cwd=README.parent,
        env=environment | {"LEDGER_URL": live.url, "LEDGER_API_KEY": key},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()
    said = (b"send it: consent_given", b"False", b"unavailable")[number]
    assert said in output, (output, errors)


async def _wait_until_folded(url: str, key: str) -> None:
    """A controller that was made a moment ago answers once the worker has found its topics."""
    someone = email("someone@example.se")
    async with Ledger.connect(url, key) as ledger:
        await ledger.opt_out(someone, channel="email")
        for _ in range(100):
            answer = await ledger.check(someone, purpose="om.newsletter", channel="email")
            if answer.reason == "opted_out":
                return
            await asyncio.sleep(0.2)
    raise AssertionError(f"the controller is not folded: {answer}")
