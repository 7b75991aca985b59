"""``ledger topics`` and ``ledger controllers`` as an operator calls them."""

import asyncio
import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from ledger.cli.main import main
from ledger.event_log.broker import administering
from ledger.event_log.cluster import describe

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    stack: Any, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """An operator's shell beside a database of the test's own."""
    monkeypatch.setenv("LEDGER_POSTGRES_DSN", database)
    monkeypatch.setenv("LEDGER_KAFKA_BOOTSTRAP", stack.bootstrap)

    def called(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return called


async def delete_topic(bootstrap: str, name: str) -> None:
    async with administering(bootstrap) as admin:
        await admin.delete_topics([name])
        while (await describe(admin, [name])).get(name) is not None:
            await asyncio.sleep(0.05)


def test_a_created_controller_is_listed_and_leaves_nothing_to_plan(run: Run) -> None:
    name = f"t{secrets.token_hex(2)}x{secrets.token_hex(3)}"
    code, out, err = run("controllers", "create", name, "--size", "small", "--json")
    made = json.loads(out)
    assert (code, made["name"], made["partitions"], made["state"]) == (0, name, 1, "ready")
    assert len(made["log_id"]) == 32 and "Making" in err

    code, out, _ = run("controllers", "list", "--json")
    assert (code, json.loads(out)) == (0, [made])
    code, out, _ = run("controllers", "list")
    assert code == 0 and out.startswith(f"{name}  small  1 partitions")
    assert run("topics", "plan")[:2] == (0, "nothing to do\n")
    assert run("topics", "apply", "--json")[:2] == (0, "[]\n")


def test_an_unfinished_log_is_planned_with_exit_1_and_applied_with_exit_0(run: Run, monkeypatch: Any, stack: Any) -> None:
    name = f"t{secrets.token_hex(2)}x{secrets.token_hex(3)}"
    with monkeypatch.context() as patch:
        patch.setenv("LEDGER_KAFKA_BOOTSTRAP", "127.0.0.1:1")
        code, out, err = run("controllers", "create", name)
        assert (code, out) == (3, "") and "log_unavailable" in err
    code, out, _ = run("topics", "plan")
    assert code == 1 and f"ledger.{name}.events: to be made, with 6 partitions" in out
    code, out, _ = run("topics", "apply")
    assert code == 0 and f"ledger.{name}.catalogue: to be made, with 1 partitions" in out
    assert run("topics", "plan")[0] == 0


def test_a_lost_topic_is_told_and_refused_with_exit_4(run: Run, stack: Any) -> None:
    name = f"t{secrets.token_hex(2)}x{secrets.token_hex(3)}"
    assert run("controllers", "create", name, "--size", "small")[0] == 0
    asyncio.run(delete_topic(stack.bootstrap, f"ledger.{name}.events"))
    code, out, _ = run("topics", "plan")
    assert code == 1 and out == f"REFUSED ledger.{name}.events: the topic is gone\n"
    code, _, err = run("topics", "apply")
    assert code == 4 and "topic_missing" in err
    code, _, err = run("controllers", "create", name, "--size", "small")
    assert code == 4 and "topic_missing" in err


def test_a_bad_name_or_size_is_wrong_use(run: Run) -> None:
    assert run("controllers", "create", "Klingit AB")[0] == 2
    assert run("controllers", "create", "klingit", "--size", "huge")[0] == 2
