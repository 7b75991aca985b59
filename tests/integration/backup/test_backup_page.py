"""The ten steps of docs/backup.md run as they stand there, in their order, over a lost database and lost brokers."""

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ledger.event_log.broker import administering
from ledger.event_log.cluster import describe
from ledger.read_model.migrate import migrate
from tests.integration.backup.test_restored_after_erasure import granted, new_company, rows_of, somebody
from tests.support.databases import fresh_database
from tests.support.live import SHORT_WAITS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "backup.md"
STEPS = re.findall(
    r"\*\*(\d+)\.\*\*.*?^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)
PRELUDE = "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n"


def test_the_page_has_ten_steps_in_order() -> None:
    assert [int(number) for number, _ in STEPS] == list(range(1, 11))


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_the_ten_steps_run(own_stack: Any, tmp_path: Path) -> None:
    from ledger.sdk import Ledger, subject_id
    from tests.behaviours.asking import known_as

    anna = somebody("anna")
    async with fresh_database(own_stack.dsn) as first, fresh_database(own_stack.dsn) as second:
        await migrate(first)
        name, key = await new_company(own_stack, first)
        before = {"LEDGER_POSTGRES_DSN": first, "LEDGER_VAULT_DSN": first, **SHORT_WAITS}
        own_stack.start_fold(**before)
        api = own_stack.start_api(**before)
        async with Ledger.connect(api.url, key) as ledger:
            await granted(ledger, anna)
            was = await known_as(ledger, anna)
        shell = shell_environment(own_stack, before, tmp_path, name, second, api.url)
        await run(STEPS[:5], shell)
        own_stack.end_since(0)
        await lose_the_brokers(own_stack)
        said = await run(STEPS[5:], shell)
        assert "0 differences" in said and "imported" in said
        assert await rows_of(second, bytes.fromhex(was)) == 1
        after = {"LEDGER_POSTGRES_DSN": second, "LEDGER_VAULT_DSN": second, **SHORT_WAITS}
        own_stack.start_fold(**after)
        api = own_stack.start_api(**after)
        async with Ledger.connect(api.url, key) as ledger:
            await granted(ledger, somebody("bertil"))
            assert await ledger.check(anna, purpose="newsletter", channel="email")
            assert await ledger.check(subject_id(was), purpose="newsletter", channel="email")


def shell_environment(
    stack: Any, settings: Mapping[str, str], tmp_path: Path, controller: str, empty_dsn: str, url: str
) -> dict[str, str]:
    """What the page says that the reader has: settings, folders, a name, and `ledger` on the path."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    return {
        **own,
        **stack.environment,
        **settings,
        "LEDGER_API_PORT": url.rpartition(":")[2],
        "LEDGER_URL": url,
        "PATH": f"{Path(sys.executable).parent}:{own['PATH']}",
        "BACKUP": str(tmp_path / "backup"),
        "SECRETS": str(Path(stack.environment["LEDGER_PEPPER_FILE"]).parent),
        "SECRETS_COPY": str(tmp_path / "secrets"),
        "CONTROLLER": controller,
        "EMPTY_DSN": empty_dsn,
    }


async def run(steps: list[tuple[str, str]], environment: Mapping[str, str]) -> str:
    """The steps in one shell; what they said on standard output."""
    script = PRELUDE + "\n".join(f"echo step {number} >&2\n{text}" for number, text in steps)
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", script, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await asyncio.wait_for(process.communicate(), 240)
    assert process.returncode == 0, (output.decode()[-2_000:], errors.decode()[-2_000:])
    return output.decode()


async def lose_the_brokers(stack: Any) -> None:
    """Every topic of the ledger is gone, as on a new cluster."""
    async with administering(stack.bootstrap) as admin:
        names = [name for name in await admin.list_topics() if name.startswith("ledger.")]
        await admin.delete_topics(names)
        while (await describe(admin, names)).topics:
            await asyncio.sleep(0.05)
