"""Who comes back after an erasure, as a caller of the API sees it: their old no blocks, and no old yes comes along."""

from typing import Any

import pytest

from ledger.domain.envelope import Scope
from ledger.domain.identifiers import email
from ledger.domain.moments import moment_text
from tests.support.api import ApiUnderTest, api_under_test, new_email, until
from tests.support.coming_back import ERASED_MS, opt_out_of, remember
from tests.support.opened_vault import OpenedVault, opened_vault
from tests.support.services import Stack

DAY_MS = 24 * 3600 * 1000
MARKETING = opt_out_of(Scope(channel="email"), message_class="marketing")
GRANT = {"act": "grant", "purpose": "newsletter", "channel": "email", "notice": "signup@3"}
WITHDRAW = {"act": "withdraw", "purpose": "newsletter"}


async def erased(vault: OpenedVault, person: str, noes: Any = ()) -> None:
    """The person was erased, and these noes outlived it."""
    await remember(vault.connections, vault.secrets, vault.controller, [email(person)], noes)


async def types_of(api: ApiUnderTest, person: str) -> list[str]:
    found = await api.post("/v1/subjects/lookup", {"subject": {"email": person}})
    history = await api.get(f"/v1/subjects/{found.body['subject_id']}/history")
    return [event["type"] for event in history.body["events"]]


async def test_an_old_opt_out_blocks_the_one_who_comes_back_whatever_they_say_unverified(
    api: ApiUnderTest, vault: OpenedVault
) -> None:
    person = new_email()
    await erased(vault, person, MARKETING)
    assert (await api.check(person))["reason"] == "subject_unknown"
    saved = await api.grant(person)
    assert saved.status == 201, saved
    for purpose in ("newsletter", "offers"):
        answer = await api.check(person, purpose, at_least=saved.body["position"], wait_ms=10_000)
        assert (answer["allowed"], answer["reason"]) == (False, "suppressed"), purpose
    assert await types_of(api, person) == ["SuppressionCarried", "ErasureCarried", "ConsentGiven"]


async def test_who_was_erased_without_a_no_may_say_yes_anew(api: ApiUnderTest, vault: OpenedVault) -> None:
    person = new_email()
    await erased(vault, person)
    saved = await api.grant(person)
    answer = await api.check(person, at_least=saved.body["position"], wait_ms=10_000)
    assert answer["allowed"], answer


@pytest.mark.parametrize("how", ["older", "imported"])
async def test_an_old_yes_is_refused_and_an_old_no_taken(
    api: ApiUnderTest, vault: OpenedVault, how: str
) -> None:
    person = new_email()
    await erased(vault, person)
    common = {"older": {"effective_from": moment_text(ERASED_MS - 1)}, "imported": {"capture": "import"}}[how]
    refused = await api.act(person, GRANT, **common)
    assert (refused.status, refused.code) == (409, "erased_before")
    proved = await api.act(person, {**GRANT, "verified": True}, **common)
    assert proved.status == {"older": 409, "imported": 201}[how]
    person = new_email()
    await erased(vault, person)
    assert (await api.act(person, GRANT, **common)).code == "erased_before"
    # Nobody was made known by what was refused.
    assert (await api.check(person))["reason"] == "subject_unknown"
    mixed = await api.act(person, GRANT, WITHDRAW, **common)
    assert mixed.status == 201
    assert [one["code"] for one in mixed.body["refused"]] == ["erased_before"]
    assert [one["act"] for one in mixed.body["recorded"]] == ["withdraw"]
    later = await api.act(person, GRANT, effective_from=moment_text(ERASED_MS + DAY_MS))
    assert later.status == 201, later


@pytest.mark.faults
async def test_a_log_that_is_away_hands_out_nobody_who_comes_back(stack: Stack) -> None:
    proxy, bootstrap = stack.kafka_proxy()
    try:
        handle = stack.start_api(LEDGER_KAFKA_BOOTSTRAP=bootstrap)
        async with api_under_test(stack, handle.url, catalogue=False) as api, opened_vault(api) as vault:
            person, subject = new_email(), {"subject": {}}
            subject["subject"] = {"email": person}
            await api.post("/v1/subjects/resolve", {"subject": {"email": new_email()}})
            await erased(vault, person, MARKETING)
            proxy.cut()
            refused = await api.post("/v1/subjects/resolve", subject)
            assert (refused.status, refused.body["retryable"]) == (503, True)
            # Made, and nobody's to have: not by another's look-up either.
            assert (await vault.directory.lookup(vault.controller, [email(person)])) != [None]
            assert (await api.post("/v1/subjects/lookup", subject)).body == {"subject_id": None}
            assert (await api.act(person, WITHDRAW)).status == 503
            proxy.restore()

            async def handed_out() -> bool:
                return (await api.post("/v1/subjects/resolve", subject)).status == 200

            await until(handed_out)
            (entry,) = await vault.directory.lookup(vault.controller, [email(person)])
            assert entry is not None and not entry.carry_pending
            found = await api.post("/v1/subjects/lookup", subject)
            assert found.body == {"subject_id": entry.subject_id.hex()}
    finally:
        proxy.close()
