"""Record an act, ask a decision: the whole path over HTTP."""

from tests.support.api import ApiUnderTest, new_email


async def test_a_grant_is_recorded_and_allows_at_its_position(api: ApiUnderTest) -> None:
    person = new_email()
    saved = await api.grant(person)
    assert saved.status == 201, saved.body
    (recorded,) = saved.body["recorded"]
    assert recorded["effective"] is True
    assert recorded["event_id"] == saved.body["act_id"]
    answer = await api.check(person, at_least=saved.body["position"])
    assert answer["allowed"] is True
    assert answer["reason"] == "consent_given"
    assert answer["basis"] == "consent"
    assert answer["notice"] == "signup@3"
    assert answer["deciding_events"] == [recorded["event_id"]]
    assert answer["catalogue_version"] == 1
    assert answer["staleness_ms"] < 30_000


async def test_a_withdrawal_denies_at_its_position(api: ApiUnderTest) -> None:
    person = new_email()
    await api.grant(person)
    withdrawn = await api.act(person, {"act": "withdraw", "purpose": "newsletter"})
    assert withdrawn.status == 201
    answer = await api.check(person, at_least=withdrawn.body["position"])
    assert (answer["allowed"], answer["reason"]) == (False, "withdrawn")


async def test_a_withdrawal_without_a_grant_is_recorded(api: ApiUnderTest) -> None:
    person = new_email()
    withdrawn = await api.act(person, {"act": "withdraw", "purpose": "newsletter"})
    assert withdrawn.status == 201
    assert withdrawn.body["recorded"][0]["reports"] == []
    answer = await api.check(person, at_least=withdrawn.body["position"])
    assert answer["reason"] == "withdrawn"


async def test_an_unknown_person_is_denied(api: ApiUnderTest) -> None:
    assert (await api.check(new_email()))["reason"] == "subject_unknown"
