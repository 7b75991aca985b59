"""``ledger quarantine`` and ``ledger status`` as an operator uses them, against a running fold."""

import secrets
from collections.abc import Awaitable, Callable

from ledger.event_log.codec import encode
from tests.integration.audit.conftest import Company, Outcome
from tests.integration.audit.test_replay import grant, withdrawal

Ledger = Callable[..., Awaitable[Outcome]]
DECIDED = ("--reason", "ticket-4711", "--author", "nora")


async def in_doubt(company: Company) -> dict[str, str]:
    """Coordinates of a record that is broken, and of one whose event id was used before."""
    subject_id = secrets.token_bytes(16)
    broken = await company.say_raw(subject_id, b"no record of ours")
    once = grant(company)
    await company.say(subject_id, once)
    other = withdrawal(company, event_id=once.envelope.event_id, may_be_repeat=True)
    used = await company.say(subject_id, other)
    await company.folded()
    places = {"broken": broken, "used": used}
    return {name: f"{company.name}/live/{place.partition}/{place.offset}" for name, place in places.items()}


async def test_the_list_names_what_is_open_and_show_says_what_to_do(company: Company, ledger: Ledger) -> None:
    at = await in_doubt(company)
    listed = await ledger("quarantine", "list", "--controller", company.name, "--json")
    assert listed.code == 0
    entries = {entry["coordinates"]: entry for entry in listed.document["entries"]}
    assert {place: entry["reason"] for place, entry in entries.items()} == {
        at["broken"]: "malformed_record",
        at["used"]: "conflicting_event_id",
    }
    assert all(entry["denies"] for entry in entries.values())
    page = await ledger("quarantine", "list", "--controller", company.name)
    assert f"{at['broken']}  malformed_record" in page.out and "denies its person" in page.out
    broken = (await ledger("quarantine", "show", at["broken"], "--json")).document
    assert (broken["can_be_admitted"], broken["event_type"]) == (False, None)
    assert "record that no anew" in broken["what_to_do"]
    used = (await ledger("quarantine", "show", at["used"], "--json")).document
    assert (used["can_be_admitted"], used["event_type"]) == (True, "ConsentWithdrawn")
    assert "Compare the two" in used["what_to_do"]


async def test_show_keeps_to_itself_what_might_name_a_person(company: Company, ledger: Ledger) -> None:
    subject_id = secrets.token_bytes(16)
    said = grant(company, source="anna@example.se")
    place = await company.say_raw(subject_id, encode(said))
    await company.folded()
    shown = await ledger("quarantine", "show", f"{company.name}/live/{place.partition}/{place.offset}")
    assert shown.code == 0
    assert "identifier_in_field" in shown.out and "(not shown)" in shown.out
    assert "anna" not in shown.out + shown.err


async def test_a_record_is_admitted_once_and_the_command_waits_until_it_counts(
    company: Company, ledger: Ledger
) -> None:
    at = (await in_doubt(company))["used"]
    dry = await ledger("quarantine", "admit", at, *DECIDED, "--dry-run", "--json")
    assert (dry.code, dry.document["state"], dry.document["event_id"]) == (0, "open", None)
    done = await ledger("quarantine", "admit", at, *DECIDED, "--json")
    assert (done.code, done.document["state"]) == (0, "admitted")
    again = await ledger("quarantine", "discard", at, *DECIDED)
    assert again.code == 2 and "quarantine_entry_closed" in again.err
    replayed = await ledger("audit", "replay", "--controller", company.name, "--json")
    assert (replayed.code, replayed.document["clean"]) == (0, True)


async def test_a_record_that_cannot_be_read_is_not_admitted_and_can_be_discarded(
    company: Company, ledger: Ledger
) -> None:
    at = (await in_doubt(company))["broken"]
    refused = await ledger("quarantine", "admit", at, *DECIDED)
    assert refused.code == 2
    assert "quarantine_not_admittable" in refused.err and "malformed_record" in refused.err
    done = await ledger("quarantine", "discard", at, *DECIDED)
    assert done.code == 0
    assert f"{at} is discarded, by the event at {company.name}/live/0/" in done.out
    left = await ledger("quarantine", "list", "--controller", company.name, "--json")
    assert [entry["reason"] for entry in left.document["entries"]] == ["conflicting_event_id"]


async def test_reasons_authors_and_coordinates_have_a_syntax(company: Company, ledger: Ledger) -> None:
    at = (await in_doubt(company))["broken"]
    spoken = await ledger("quarantine", "discard", at, "--reason", "I looked", "--author", "nora")
    assert spoken.code == 2 and "id_malformed" in spoken.err
    named = await ledger("quarantine", "discard", at, "--reason", "seen", "--author", "anna@example.se")
    assert named.code == 2 and "email_in_field" in named.err and "anna" not in named.err
    for wrong in ("live/0/1", f"{company.name}/side/0/1", f"{company.name}/live/0/-1"):
        malformed = await ledger("quarantine", "show", wrong)
        assert malformed.code == 2 and "coordinates_malformed" in malformed.err
    unknown = await ledger("quarantine", "show", f"{company.name}/live/0/999999")
    assert unknown.code == 2 and "quarantine_entry_unknown" in unknown.err
    nobody = await ledger("quarantine", "show", "nobody-here/live/0/1")
    assert nobody.code == 2 and "controller_unknown" in nobody.err


async def test_status_tells_of_doubts_and_shows_every_lane(company: Company, ledger: Ledger) -> None:
    await in_doubt(company)
    await company.fresh()
    seen = await ledger("status", "--json")
    for _ in range(3):
        if seen.code != 3:
            break
        # A machine that is busy with other tests may keep a service from answering in time.
        print(seen.document["away"])
        seen = await ledger("status", "--json")
    # The doubts of other tests on the same stack are findings too.
    assert seen.code == seen.document["exit_code"] == 1
    told = {finding["code"]: finding["what"] for finding in seen.document["findings"]}
    assert "in_doubt" in told
    assert any(company.name in finding["what"] for finding in seen.document["findings"])
    lanes = {(line["controller"], line["lane"]): line for line in seen.document["lanes"]}
    live = lanes[company.name, "live"]
    assert (live["folded"], live["lag"], live["owned"]) == (3, 0, 1)
    # Those of other tests on the same stack are open or not, but they are counted.
    assert seen.document["vault"]["open_requests"] >= 0
    page = await ledger("status")
    assert page.code == 1
    assert page.out.index("need") < page.out.index("kafka      answers") < page.out.index(f"{company.name}  ")


async def test_status_says_who_is_away_and_shows_the_rest(
    company: Company, ledger: Ledger, monkeypatch
) -> None:  # type: ignore[no-untyped-def]
    await company.folded()
    monkeypatch.setenv("LEDGER_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    seen = await ledger("status", "--json")
    assert seen.code == 3
    assert seen.document["away"] == {"kafka": "log_unavailable"}
    assert company.name in {line["controller"] for line in seen.document["lanes"]}
