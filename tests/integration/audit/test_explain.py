"""Explaining on the real stack: what decided and why, and never a name, an address or a subject id."""

from collections.abc import Awaitable, Callable

import httpx2

from ledger.api import keys
from ledger.domain.events import ConsentWithdrawn
from tests.integration.audit.conftest import ADDRESS, NEWSLETTER, Company, Outcome, envelope

Ledger = Callable[..., Awaitable[Outcome]]


async def explained(ledger: Ledger, company: Company, person: str, *more: str) -> Outcome:
    question = ("--controller", company.name, "--purpose", "om.newsletter", "--channel", "email")
    return await ledger("audit", "explain", *question, *more, stdin=person + "\n")


async def people_known(company: Company) -> int:
    count: int = await company.database.fetchval("select count(*) from vault.directory")
    return count


async def test_it_tells_the_decision_its_rows_and_its_records(
    company: Company, ledger: Ledger, anna: bytes
) -> None:
    allowed = await explained(ledger, company, f"email:{ADDRESS}")
    assert allowed.code == 0
    assert "YES. The person has consented. [consent_given]" in allowed.out
    assert "Agreed text: activities@2" in allowed.out
    await company.say(anna, ConsentWithdrawn(envelope=envelope(company), scope=NEWSLETTER))
    await company.folded()
    denied = await explained(ledger, company, f"email:{ADDRESS.upper()}")
    assert "NO. The person has withdrawn consent. [withdrawn]" in denied.out
    assert "> The person withdrew consent to “Newsletter” through “E-mail”." in denied.out
    assert "· The person consented to “Newsletter” through “E-mail”." in denied.out
    assert denied.out.count("counts; live/0/") == 2


async def test_it_shows_neither_address_nor_subject_id(company: Company, ledger: Ledger, anna: bytes) -> None:
    for more in ((), ("--json",), ("--lang", "sv")):
        outcome = await explained(ledger, company, f"email:{ADDRESS}", *more)
        assert outcome.code == 0
        everything = (outcome.out + outcome.err).lower()
        assert "anna" not in everything and "example.se" not in everything
        assert anna.hex() not in everything.replace("-", "")


async def test_a_person_named_by_subject_id_gets_the_same_answer(
    company: Company, ledger: Ledger, anna: bytes
) -> None:
    by_address = (await explained(ledger, company, f"email:{ADDRESS}", "--json")).document
    by_id = (await explained(ledger, company, f"subject:{anna.hex()}", "--json")).document
    for explanation in (by_address, by_id):
        del explanation["decision"]["staleness_ms"]
    assert by_address == by_id
    assert by_id["decision"]["reason"] == "consent_given"
    assert by_id["decision"]["catalogue_version"] == 2
    assert by_id["rows"][0]["role"] == "decides"
    assert by_id["rows"][0]["event_ids"] == by_id["decision"]["deciding_events"]


async def test_it_is_the_decision_that_the_api_gives(company: Company, ledger: Ledger, anna: bytes) -> None:
    key = await keys.create(company.database, controller=company.name, source="test", scopes=["ask", "read"])
    asked = [
        {"subject": {"email": ADDRESS}, "purpose": purpose, "channel": channel}
        for purpose, channel in (
            ("om.newsletter", "email"), ("om.newsletter", "post"), ("om.survey", "email"), ("om.invoice", "email"),
            ("om.news", "post"), ("om.improve", None), ("om.nothing", None),
        )
    ]  # fmt: skip
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as client:
        answer = await client.post(f"{company.live.url}/v1/decisions", json={"questions": asked})
    for question, given in zip(asked, answer.json()["answers"], strict=True):
        arguments = [
            "--purpose",
            question["purpose"],
            *(["--channel", question["channel"]] if question["channel"] else []),
        ]
        outcome = await ledger(
            "audit", "explain", "--controller", company.name, *arguments, "--json", stdin=f"email:{ADDRESS}\n"
        )
        decision = outcome.document["decision"]
        del decision["staleness_ms"], given["staleness_ms"]
        assert decision == given


async def test_the_language_can_be_swedish(company: Company, ledger: Ledger, anna: bytes) -> None:
    page = (await explained(ledger, company, f"email:{ADDRESS}", "--lang", "sv")).out
    assert page.startswith("Får Omilon AB använda personens uppgifter för ”Nyhetsbrev” genom ”E-post”?")
    assert "JA. Personen har samtyckt. [consent_given]" in page


async def test_nobody_known_is_denied_and_not_made(company: Company, ledger: Ledger, anna: bytes) -> None:
    before = await people_known(company)
    outcome = await explained(ledger, company, "email:nobody@example.se")
    assert outcome.code == 0 and "[subject_unknown]" in outcome.out
    assert await people_known(company) == before


async def test_another_controllers_person_is_nobody(company: Company, ledger: Ledger, anna: bytes) -> None:
    other = await company.live.stack.new_controller(catalogue="klingit")
    question = ("--controller", other, "--purpose", "kl.promo", "--channel", "email")
    outcome = await ledger("audit", "explain", *question, stdin=f"email:{ADDRESS}\n")
    assert "[subject_unknown]" in outcome.out


async def test_a_doubt_is_told_with_its_place(company: Company, ledger: Ledger, anna: bytes) -> None:
    await company.say_raw(anna, b"\xff broken")
    await company.folded()
    page = (await explained(ledger, company, f"email:{ADDRESS}")).out
    assert "NO. A record about the person is in doubt. [quarantined]" in page
    assert "malformed_record  (live/0/2)" in page
    assert "A record that cannot be read. (could not be applied;" in page


async def test_an_unknown_controller_is_told(ledger: Ledger) -> None:
    outcome = await ledger(
        "audit", "explain", "--controller", "nobody-here", "--purpose", "p", stdin="email:a@b.se\n"
    )
    assert outcome.code == 2 and "controller_unknown" in outcome.err
