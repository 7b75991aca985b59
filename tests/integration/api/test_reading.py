"""Standing and history of a person, page by page."""

from typing import Any

import pytest

from tests.support.api import ApiUnderTest, new_email


async def subject_of(api: ApiUnderTest, email: str) -> str:
    found = await api.post("/v1/subjects/lookup", {"subject": {"email": email}})
    subject_id: str = found.body["subject_id"]
    return subject_id


async def test_lookup_never_makes_a_subject_and_resolve_makes_one_for_good(api: ApiUnderTest) -> None:
    person = {"subject": {"email": new_email()}}
    assert (await api.post("/v1/subjects/lookup", person)).body == {"subject_id": None}
    made = await api.post("/v1/subjects/resolve", person)
    assert made.status == 200
    assert (await api.post("/v1/subjects/resolve", person)).body == made.body
    assert made.body["active"] is True
    known = {"subject_id": made.body["subject_id"]}
    assert (await api.post("/v1/subjects/lookup", person)).body == known
    assert (await api.post("/v1/subjects/lookup", {"subject": known})).body == known


async def test_standing_shows_what_holds_and_the_position_to_act_on(api: ApiUnderTest) -> None:
    person = new_email()
    granted = await api.grant(person)
    refused = await api.act(person, {"act": "refuse", "purpose": "profiling"})
    await api.check(person, at_least=refused.body["position"])
    answer = await api.get(f"/v1/subjects/{await subject_of(api, person)}/standing")
    assert answer.status == 200
    rows = {row["shape"]: row for row in answer.body["rows"]}
    assert rows["yes"]["event_id"] == granted.body["act_id"]
    assert (rows["yes"]["purpose"], rows["yes"]["channel"]) == ("newsletter", "email")
    assert rows["yes"]["notice"] == "signup@3"
    assert (rows["no"]["value"], rows["no"]["purpose"], rows["no"]["channel"]) == (
        "refused",
        "profiling",
        None,
    )
    seeing = await api.grant(person, "profiling", seen=answer.body["position"])
    assert seeing.body["recorded"][0]["effective"] is True


async def test_history_pages_through_every_record_once_and_in_order(api: ApiUnderTest) -> None:
    person = new_email()
    position = ""
    for first in range(0, 230, 100):
        acts = [
            {"act": "withdraw", "purpose": f"p{number}"} for number in range(first, min(first + 100, 230))
        ]
        position = (await api.act(person, *acts)).body["position"]
    await api.check(person, at_least=position)
    path = f"/v1/subjects/{await subject_of(api, person)}/history"
    events: list[dict[str, Any]] = []
    cursor, pages = "", 0
    while cursor is not None:
        answer = await api.get(path + (f"?cursor={cursor}" if cursor else ""))
        assert answer.status == 200
        events += answer.body["events"]
        cursor, pages = answer.body["next_cursor"], pages + 1
    assert pages == 3
    assert [event["body"]["scope"]["purpose"] for event in events] == [f"p{number}" for number in range(230)]
    assert [event["offset"] for event in events] == sorted(event["offset"] for event in events)
    assert {event["outcome"] for event in events} == {"counted"}
    assert events[0]["type"] == "ConsentWithdrawn"
    assert events[0]["envelope"]["source"] == "tests"


@pytest.mark.parametrize("cursor", ["x", "AAAA", "lf_______8ABAAAA", "%00", "k" * 300])
async def test_a_cursor_that_is_none_is_refused(api: ApiUnderTest, cursor: str) -> None:
    person = new_email()
    await api.grant(person)
    answer = await api.get(f"/v1/subjects/{await subject_of(api, person)}/history?cursor={cursor}")
    assert (answer.status, answer.code) == (400, "cursor_malformed")


async def test_the_log_of_the_key_is_told_to_direct_producers(api: ApiUnderTest) -> None:
    answer = await api.get("/v1/log")
    assert answer.status == 200
    assert answer.body["controller"] == api.controller
    assert answer.body["source"] == "tests"
    assert answer.body["topic"] == f"ledger.{api.controller}.events"
    assert answer.body["partitions"] == 1
    assert len(answer.body["log_id"]) == 32


async def test_health_is_told_without_a_key(api: ApiUnderTest) -> None:
    assert (await api.get("/livez", key=None)).status == 200
    ready = await api.get("/readyz", key=None)
    assert (ready.status, ready.body) == (200, {"ready": True, "reasons": []})
    metrics = await api.get("/metrics", key=None)
    assert "ledger_decisions_total" in metrics.body
    assert 'ledger_http_requests_total{method="GET",route="/v1/log",status_class="2xx"}' in metrics.body
