"""The claim on which an import stands or falls, held against the decisions of the running ledger."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest

from ledger.api import keys
from ledger.errors import Rejected
from ledger.read_model import pool
from ledger.sdk import Ledger, Person, email
from tests.support.live import Live
from tests.support.shop import Run, Shop, open_shop, shell

pytestmark = pytest.mark.services

Do = Callable[[Any], Any]
Act = Callable[[Ledger, Person], Awaitable[Any]]
WHERE: Final = {"purpose": "newsletter", "channel": "email"}
GIVE_UP_SECONDS: Final = 60.0
HEADER: Final = "email,status,opted_in_at"

NOES: Final[dict[str, Act]] = {
    "withdrew": lambda ledger, who: ledger.withdraw(who, **WHERE),
    "refused": lambda ledger, who: ledger.refuse(who, **WHERE),
    "unsubscribed": lambda ledger, who: ledger.unsubscribe(who, **WHERE),
    "objected": lambda ledger, who: ledger.object_to(who, **WHERE),
    "opted-out": lambda ledger, who: ledger.opt_out(who, **WHERE),
    "left-everything": lambda ledger, who: ledger.opt_out(who),
}
STATED: Final = ("", "2001-01-01 00:00:00", "now", "2026-01-01")


@pytest.fixture(scope="module")
def live_shop(live: Live, loop_of_module: asyncio.Runner) -> Shop:
    return loop_of_module.run(open_shop(live.stack))


@pytest.fixture
def live_run(live: Live, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return shell(live.stack, monkeypatch, capsys)


async def api_key(shop: Shop) -> str:
    connection = await pool.connect(shop.stack.dsn, application_name="tests", schema="control")
    try:
        return await keys.create(connection, controller=shop.name, source="shop", scopes=["record", "ask", "read"])
    finally:
        await connection.close()


async def say(url: str, key: str, acts: dict[str, tuple[Person, Act]]) -> None:
    """Records live acts, each after a grant, once the API knows the catalogue."""
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    async with Ledger.connect(url, key) as ledger:
        for who, act in acts.values():
            while True:
                try:
                    await ledger.grant(who, notice="signup@3", **WHERE)
                    break
                except Rejected as rejection:
                    if rejection.code != "catalogue_missing" or time.monotonic() > give_up_at:
                        raise
                    await asyncio.sleep(0.1)
            await act(ledger, who)


async def allowed(url: str, key: str, people: dict[str, Person], position: str) -> set[str]:
    """Who may be sent the newsletter, once all of the import counts."""
    found = set()
    async with Ledger.connect(url, key) as ledger:
        for name, who in people.items():
            give_up_at = time.monotonic() + GIVE_UP_SECONDS
            # A log that was made a second ago has not been found fresh yet.
            while (answer := await ledger.check(who, at_least=position, **WHERE)).retryable:
                assert time.monotonic() < give_up_at, answer
                await asyncio.sleep(0.1)
            if answer:
                found.add(name)
    return found


def address(name: str) -> str:
    return f"{name}-{secrets.token_hex(4)}@example.com"


def test_an_import_never_resubscribes_anybody(
    live: Live, live_shop: Shop, live_run: Run, do: Do, tmp_path: Path
) -> None:
    """Whatever time the file states, whatever kind of no it was, and however often the file is imported."""
    key = do(api_key(live_shop))
    now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    addresses = {f"{name} {stated}": address(name) for name in NOES for stated in STATED}
    said = {name: (email(text), NOES[name.split(" ")[0]]) for name, text in addresses.items()}
    do(say(live.url, key, said))

    addresses |= {"stranger": address("stranger"), "comes and goes": address("goes")}
    people = {name: email(text) for name, text in addresses.items()}
    path = tmp_path / "members.csv"
    lines = [f"{text},subscribed,{_stated(name, now)}" for name, text in addresses.items()]
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    first = live_run(live_shop, path, "--yes", "--wait", "--json")
    assert first.code == 0, first.err
    assert first.document["recorded"] | {"unsubscribes_position": "", "position": ""} == {
        "unsubscribes": 0, "grants": len(addresses), "left_out": {}, "unsubscribes_position": "", "position": "",
        "went_on_after_line": None, "folded": True,
    }  # fmt: skip
    position = first.document["recorded"]["position"]
    assert do(allowed(live.url, key, people, position)) == {"stranger", "comes and goes"}

    do(withdraw(live.url, key, people["comes and goes"]))
    again = live_run(live_shop, path, "--yes", "--wait", "--json")
    assert again.code == 0, again.err
    mended = tmp_path / "mended.csv"
    mended.write_text(path.read_text().replace(",2026-01-01", f",{now}"))
    third = live_run(live_shop, mended, "--yes", "--wait", "--json")
    assert do(allowed(live.url, key, people, third.document["recorded"]["position"])) == {"stranger"}


def test_the_no_stands_where_one_file_says_both(
    live: Live, live_shop: Shop, live_run: Run, do: Do, tmp_path: Path
) -> None:
    key = do(api_key(live_shop))
    addresses = {name: address(name) for name in ("same line", "earlier line", "later line", "only yes")}
    rows = [
        (addresses["same line"], "2023-05-01", "2022-01-01"),
        (addresses["earlier line"], "", "2020-01-01"),
        (addresses["earlier line"], "2023-05-01", ""),
        (addresses["later line"], "2023-05-01", ""),
        (addresses["later line"], "", "yes"),
        (addresses["only yes"], "2023-05-01", ""),
    ]
    addresses = {name: text.replace(" ", ".") for name, text in addresses.items()}
    path = tmp_path / "members.csv"
    path.write_text(
        "email,opted_in_at,unsubscribed_at\n" + "".join(",".join(row).replace(" ", ".") + "\n" for row in rows)
    )
    said = live_run(
        live_shop, path, "--map", "email=email,opted_in_at=opted_in_at,unsubscribed_at=unsubscribed_at", "--yes",
        "--wait", "--json",
    )  # fmt: skip
    assert said.code == 0, said.err
    people = {name: email(text) for name, text in addresses.items()}
    assert do(allowed(live.url, key, people, said.document["recorded"]["position"])) == {"only yes"}


async def withdraw(url: str, key: str, who: Person) -> None:
    async with Ledger.connect(url, key) as ledger:
        await ledger.withdraw(who, **WHERE)


def _stated(name: str, now: str) -> str:
    stated = name.partition(" ")[2]
    return now if stated == "now" else stated if stated in STATED else ""
