"""The pages on the real stack: what is read is what stands, nobody is named unasked, and a file is whole or absent."""

import re
import secrets as random
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

from ledger.domain.events import ConsentWithdrawn, SubjectErased
from ledger.domain.moments import moment_ms
from ledger.erasure.requests import Requests
from ledger.read_model import pool
from ledger.vault.directory import Controller
from tests.integration.audit.conftest import (
    ADDRESS,
    NEWSLETTER,
    Company,
    Outcome,
    envelope,
    vault_secrets,
)

Ledger = Callable[..., Awaitable[Outcome]]


async def reported(
    ledger: Ledger, company: Company, page: Path, *more: str, person: str | None = f"email:{ADDRESS}\n"
) -> Outcome:
    return await ledger(
        "subject", "report", "--controller", company.name, "--out", str(page), *more, stdin=person
    )


async def test_the_page_of_a_person_tells_what_stands_and_names_nobody(
    company: Company, ledger: Ledger, anna: bytes, tmp_path: Path
) -> None:
    page = tmp_path / "anna.html"
    outcome = await reported(ledger, company, page, "--language", "en", "--json")
    assert outcome.code == 0, outcome.err
    assert (outcome.document["state"], outcome.document["records"], outcome.document["requests"]) == (
        "known",
        1,
        0,
    )
    text = page.read_text(encoding="utf-8")
    assert "The person consented to “Newsletter” through “E-mail”." in text
    assert "The mailing house" not in text.partition("Who may be given data now")[0]
    assert "Answer yes or no to each." in text
    everything = text + outcome.out + outcome.err
    assert "anna" not in everything.replace("anna.html", "") and anna.hex() not in everything
    assert stat.S_IMODE(page.stat().st_mode) == 0o600


async def test_a_withdrawal_is_on_the_next_page_and_identifiers_only_if_they_are_asked_for(
    company: Company, ledger: Ledger, anna: bytes, tmp_path: Path
) -> None:
    page = tmp_path / "anna.html"
    await company.say(anna, ConsentWithdrawn(envelope=envelope(company), scope=NEWSLETTER))
    await company.folded()
    by_id = ("--subject-id", anna.hex(), "--show-identifiers")
    outcome = await reported(ledger, company, page, *by_id, person=None)
    assert outcome.code == 0, outcome.err
    text = page.read_text(encoding="utf-8")
    assert "Personen återkallade samtycket till ”Nyhetsbrev” genom ”E-post”." in text
    assert ADDRESS in text and anna.hex() in text


async def test_an_erased_id_and_a_stranger_are_told_as_what_they_are(
    company: Company, ledger: Ledger, anna: bytes, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    await company.say(anna, SubjectErased(envelope=envelope(company, request_id=bytes(16))))
    await company.folded()
    erased = await reported(ledger, company, page, "--json", "--subject-id", anna.hex(), person=None)
    assert erased.document["state"] == "erased"
    assert "Id-numret som är kvar tillhör ingen" in page.read_text(encoding="utf-8")
    before = await company.database.fetchval("select count(*) from vault.directory")
    stranger = await reported(ledger, company, page, "--json", person="email:nobody@example.se\n")
    assert (stranger.code, stranger.document["state"]) == (0, "unknown")
    assert "inga uppgifter om personen" in page.read_text(encoding="utf-8")
    assert await company.database.fetchval("select count(*) from vault.directory") == before


async def test_a_request_is_on_the_page_with_its_clock(
    company: Company, ledger: Ledger, anna: bytes, tmp_path: Path
) -> None:
    page = tmp_path / "anna.html"
    vault = await pool.create_pool(company.live.stack.dsn, application_name="test", schema="vault", size=1)
    await Requests(vault, vault_secrets(company)).open_erasure(
        Controller(await company.controller_id(), company.name),
        request_id=random.token_bytes(16), who=anna, source="test", categories=["marketing"], proven=False,
        received_ms=moment_ms("2026-01-31T12:00:00+01:00", "received"),
    )  # fmt: skip
    await vault.close()
    outcome = await reported(ledger, company, page, "--language", "en", "--json")
    assert outcome.document["requests"] == 1
    text = re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8"))
    assert "Request to be erased, 2026-01-31 received" in text
    assert "Asked forData kept for marketingAnswer due2026-02-28" in text
    assert "nothing is done before that" in text


async def test_a_page_that_cannot_be_written_leaves_nothing_behind(
    company: Company, ledger: Ledger, anna: bytes, tmp_path: Path
) -> None:
    outcome = await reported(ledger, company, tmp_path / "missing" / "page.html")
    assert outcome.code == 2 and "file_not_writable" in outcome.err
    assert list(tmp_path.iterdir()) == []
    outcome = await reported(ledger, company, tmp_path / "page.html", "--subject-id", "anna", person=None)
    assert outcome.code == 2 and "subject_id_malformed" in outcome.err
    assert list(tmp_path.iterdir()) == []


async def test_the_page_of_a_company_shows_its_catalogue_in_force(
    company: Company, ledger: Ledger, tmp_path: Path
) -> None:
    page = tmp_path / "omilon.html"
    command = ("catalogue", "report", company.name, "--language", "sv", "--out", str(page), "--json")
    outcome = await ledger(*command)
    assert outcome.code == 0, outcome.err
    assert outcome.document["version"] == 2
    text = page.read_text(encoding="utf-8")
    assert "Vad Omilon AB lovar" in text and "Bokföringslagen (1999:1078) 7 kap. 2 §" in text
    shown = (await ledger("catalogue", "show", company.name, "--json")).document["catalogue"]
    assert shown["holders"]["mailing_list"]["topic"] == f"holder.{company.name}.mailing-list"
    told = (await ledger("catalogue", "show", company.name)).out
    (hold,) = [line for line in told.splitlines() if line.startswith("  bookkeeping")]
    assert hold.split("  ")[-1] == "invoice" and "7 years, end of year" in hold
