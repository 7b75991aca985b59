"""``ledger requests`` as an operator calls it, beside the running ledger."""

import io
import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from ledger.cli.main import main
from ledger.sdk import sync
from tests.support.api import ApiUnderTest, new_email
from tests.support.live import Live

Run = Callable[..., tuple[int, Any, str]]

RECENTLY = (datetime.now(UTC) - timedelta(days=3)).isoformat(timespec="seconds")


@pytest.fixture
def run(
    api: ApiUnderTest,
    live: Live,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs one command with ``--json``: exit code, document, and what standard error says."""
    for name, value in live.stack.environment.items():
        monkeypatch.setenv(name, value)

    def run_it(verb: str, *arguments: str, person: str = "") -> tuple[int, Any, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"email:{person}\n"))
        code = main(["requests", verb, api.controller, *arguments, "--json"])
        said = capsys.readouterr()
        assert not person or person not in said.out + said.err
        return code, json.loads(said.out) if said.out else None, said.err

    return run_it


@pytest.fixture
def person(api: ApiUnderTest) -> str:
    """The address of somebody whom the ledger knows."""
    made = new_email()
    with sync.Ledger.connect(api.url, api.key) as ledger:
        ledger.withdraw(sync.email(made), purpose="newsletter", channel="email")
    return made


def late_acts(api: ApiUnderTest) -> float:
    """How many noes came under the id of somebody who was erased, as an operator's alert sees it."""
    shown = httpx2.get(f"{api.url}/metrics", trust_env=False).text
    (line,) = [line for line in shown.splitlines() if line.startswith("ledger_late_protective_acts_total ")]
    return float(line.split()[1])


def test_a_request_is_followed_until_nobody_knows_the_person(
    api: ApiUnderTest, run: Run, person: str
) -> None:
    code, opened, _ = run("erase", person=person)
    assert (code, opened["state"], opened["identity"]) == (0, "requested", "proven")
    code, done, err = run("show", opened["request_id"], "--watch")
    assert (code, done["state"], done["holders"]) == (0, "complete", [])
    assert "waits for" in err and done["subject_ids"] == []
    code, _, err = run("erase", person=person)
    assert (code, json.loads(err)["code"]) == (2, "subject_unknown")
    before = late_acts(api)
    with sync.Ledger.connect(api.url, api.key) as ledger:
        ledger.withdraw(sync.subject_id(opened["subject_ids"][0]))
    assert late_acts(api) == before + 1


def test_an_unproven_request_is_listed_put_off_and_refused(run: Run, person: str) -> None:
    _, opened, _ = run("erase", "--unproven", "--received", RECENTLY, person=person)
    request_id = opened["request_id"]
    _, listed, _ = run("list", "--state", "requested")
    assert request_id in [one["request_id"] for one in listed]
    _, tried, _ = run("extend", request_id, "--reason", "complex", "--dry-run")
    _, extended, _ = run("extend", request_id, "--reason", "complex")
    assert (tried["extended"], extended["extended"]) == (False, True)
    code, refused, _ = run("refuse", request_id, "--reason", "not_the_person")
    assert (code, refused["state"], refused["refusal"]) == (0, "refused", "not_the_person")
    code, _, err = run("extend", request_id, "--reason", "complex")
    assert (code, json.loads(err)["code"]) == (2, "request_closed")


def test_a_dry_run_says_what_would_be_kept_and_writes_nothing(run: Run, person: str) -> None:
    _, before, _ = run("list")
    code, plan, _ = run("erase", "--hold", "invoices=2026-03-01", "--dry-run", person=person)
    assert (code, plan["everything"], plan["erased_categories"]) == (0, False, ["behaviour"])
    assert [(held["category"], held["until"][:10]) for held in plan["held"]] == [("contact", "2033-12-31")]
    _, after, _ = run("list")
    assert len(after) == len(before)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--category", "telepathy"), "category_unknown"),
        (("--hold", "whim=2026-01-01"), "hold_unknown"),
        (("--hold", "invoices"), "usage"),
        (("--hold", "invoices=spring"), "time_malformed"),
        (("--request-id", "7"), "request_id_malformed"),
    ],
)
def test_a_request_with_a_defect_is_refused(
    run: Run, person: str, arguments: tuple[str, ...], code: str
) -> None:
    exit_code, document, err = run("erase", *arguments, person=person)
    assert (exit_code, document, json.loads(err)["code"]) == (2, None, code)


def test_a_request_that_is_not_there_is_told(run: Run) -> None:
    code, _, err = run("show", secrets.token_hex(16))
    assert (code, json.loads(err)["code"]) == (2, "request_unknown")
