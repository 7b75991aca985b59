"""Which catalogue a decision and the intake go by."""

import time

import msgspec

from ledger.read_model import pool
from tests.support.api import api_under_test, new_email
from tests.support.catalogue import small_catalogue
from tests.support.live import Live


async def test_the_version_in_force_decides_and_one_that_lies_ahead_does_not(live: Live) -> None:
    async with api_under_test(live.stack, live.url) as api:
        person = new_email()
        saved = await api.grant(person)
        assert (await api.check(person, at_least=saved.body["position"]))["allowed"] is True
        first = small_catalogue(api.controller)
        without = msgspec.structs.replace(
            first,
            version=2,
            purposes={name: purpose for name, purpose in first.purposes.items() if name != "newsletter"},
            notices={
                name: msgspec.structs.replace(notice, purposes=("profiling",))
                for name, notice in first.notices.items()
                if name != "terms@1"
            },
        )
        now_ms = time.time_ns() // 1_000_000
        await api.publish(without, effective_from_ms=now_ms - 1)
        await api.publish(msgspec.structs.replace(first, version=3), effective_from_ms=now_ms + 3_600_000)
        await api.wait_in_force(2)
        answer = await api.check(person)
        assert (answer["reason"], answer["catalogue_version"]) == ("purpose_not_registered", 2)
        refused = await api.grant(new_email())
        assert refused.code == "purpose_unknown"
        withdrawn = await api.act(person, {"act": "withdraw", "purpose": "newsletter"})
        assert withdrawn.status == 201
        assert withdrawn.body["recorded"][0]["reports"] == [{"field": "purpose", "code": "purpose_unknown"}]


async def test_a_catalogue_that_cannot_be_read_is_as_none_and_stops_no_withdrawal(live: Live) -> None:
    async with api_under_test(live.stack, live.url) as api:
        person = new_email()
        saved = await api.grant(person)
        assert (await api.check(person, at_least=saved.body["position"]))["allowed"] is True
        connection = await pool.connect(api.stack.dsn, application_name="tests", schema="read_model")
        try:
            await connection.execute(
                "update catalogue set document = '{}', digest = $2 from control.controller c "
                "where c.id = controller_id and c.name = $1",
                api.controller,
                bytes(32),
            )
        finally:
            await connection.close()
        assert (await api.check(person))["reason"] == "catalogue_missing"
        acted = await api.act(person, {"act": "unsubscribe", "purpose": "newsletter"})
        assert acted.status == 201
