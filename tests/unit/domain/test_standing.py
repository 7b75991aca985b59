"""Which rows an event writes, and how rows of one key join."""

import msgspec
import pytest

from ledger.domain.events import (
    EVENT_TYPES,
    SUBJECT_EVENT_TYPES,
    ConsentGiven,
    ConsentRefused,
    ConsentWithdrawn,
    Lane,
    NoticeServed,
    ObjectionRaised,
    PreferenceSet,
    Scope,
    Voice,
    content_digest,
    is_protective,
)
from ledger.domain.ranks import LOWEST_RANK, Rank
from ledger.domain.rows import Detail, Half, Row, fold, merge
from ledger.domain.standing import rows_of
from tests.support.histories import HOUR, MINUTE, NOON, History, envelope, record

EMAIL = Scope(purpose="newsletter", channel="email")


def half(
    rank_ms: int = 1, *, event: bytes = b"a", value: str = "given", offset: int = 1, lane: int = 0
) -> Half:
    return Half(
        value=value,
        rank_ms=rank_ms,
        rank_seq=0,
        event_id=event,
        generation=1,
        lane=lane,
        partition=0,
        offset=offset,
    )


def row(shape: str, *, first: Half | None = None, second: Half | None = None) -> Row:
    detail = Detail(stamp_ms=first.offset) if first else None
    return Row(
        row_key=b"k",
        shape=shape,
        voice="person",
        kind="x",
        first=first,
        detail=detail,
        second=second,  # type: ignore[arg-type]
    )


def test_a_grant_writes_a_yes_told_apart_by_notice_and_end() -> None:
    history = History()
    row = history.grant(0, expires_at=NOON + HOUR, verified=True)
    assert (row.shape, row.voice, row.kind, row.purpose, row.channel) == (
        "yes", "person", "consent", "newsletter", "email",
    )  # fmt: skip
    assert row.instance == f"signup@3|{NOON + HOUR}|verified"
    assert row.first is not None and row.first.value == "given"
    assert row.detail == Detail(
        until_ms=NOON + HOUR, notice="signup@3", verified=True, capture="self", stamp_ms=NOON, waited_ms=0
    )
    assert history.grant(1).instance == "signup@3|"
    keys = {history.grant(2, notice=notice, expires_at=end).row_key
            for notice in ("signup@1", "signup@3") for end in (None, 5, 6)}  # fmt: skip
    assert len(keys) == 6


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (ConsentRefused(envelope=envelope(), scope=EMAIL, notice="signup@3"), ("no", "consent", "refused")),
        (ConsentWithdrawn(envelope=envelope(), scope=EMAIL), ("no", "consent", "withdrawn")),
        (PreferenceSet(envelope=envelope(), scope=EMAIL, direction="out"), ("no", "preference", "opted_out")),
        (PreferenceSet(envelope=envelope(), scope=EMAIL, direction="sideways"), ("no", "preference", "opted_out")),
        (PreferenceSet(envelope=envelope(), scope=EMAIL, direction="in"), ("yes", "preference", "opted_in")),
        (ObjectionRaised(envelope=envelope(), scope=EMAIL, episode_id=b"e" * 16), ("episode", "objection", "objected")),
        (NoticeServed(envelope=envelope(), notice="signup@3"), ("remark", "notice_served", "served")),
    ],
)  # fmt: skip
def test_each_event_writes_one_row_of_its_shape(event: object, expected: tuple[str, str, str]) -> None:
    (row,) = rows_of(event, record())  # type: ignore[arg-type]
    assert row.first is not None
    assert (row.shape, row.kind, row.first.value) == expected
    assert row.first.event_id == envelope().event_id
    assert (row.first.generation, row.first.lane, row.first.partition, row.first.offset) == (1, 0, 0, 5)


def test_a_confirmation_is_the_second_half_of_the_request_it_names() -> None:
    row = History().grant(0, confirms=b"r" * 16)
    assert (row.shape, row.kind, row.instance) == ("pair", "double_opt_in", (b"r" * 16).hex())
    assert row.first is None and row.detail is None and row.second is not None


def test_an_objection_is_an_episode_named_by_its_own_id() -> None:
    history = History()
    one, other = (history.object_to(0, EMAIL, episode_id=name * 16) for name in (b"1", b"2"))
    assert one.instance == (b"1" * 16).hex()
    assert one.row_key != other.row_key


def test_a_topic_and_a_class_are_kept_apart_from_ids_by_a_mark() -> None:
    history = History()
    row = history.prefer(0, "out", topic="chess", message_class="marketing")
    assert (row.item, row.purpose_group) == ("#chess", "@marketing")
    assert history.prefer(0, "out", Scope(item="chess", purpose_group="marketing")).row_key != row.row_key


def test_a_no_to_a_topic_of_an_item_is_widened_to_the_topic_and_a_yes_to_it_names_neither() -> None:
    history = History()
    both = Scope(item="club", purpose_group="marketing")
    out = history.prefer(0, "out", both, topic="chess", message_class="news")
    into = history.prefer(0, "in", both, topic="chess", message_class="news")
    assert (out.item, out.purpose_group) == ("#chess", "@news")
    assert (into.item, into.purpose_group) == ("club#chess", "marketing@news")


@pytest.mark.parametrize("field", ["purpose", "purpose_group", "channel", "recipient", "item", "category"])
def test_every_field_of_a_scope_is_part_of_the_key(field: str) -> None:
    history = History()
    plain = history.withdraw(0, Scope())
    narrowed = history.withdraw(0, Scope(**{field: "x"}))
    assert getattr(plain, field) == "" and getattr(narrowed, field) == "x"
    assert plain.row_key != narrowed.row_key


def test_voices_never_share_a_row() -> None:
    history = History()
    assert len({history.withdraw(0, voice=voice).row_key for voice in Voice}) == len(Voice)


def test_a_grant_that_begins_later_stands_beside_the_one_that_holds() -> None:
    history = History()
    now, later = history.grant(0), history.grant(1, effective_from=NOON + HOUR)
    assert now.row_key != later.row_key
    assert history.grant(2, effective_from=NOON).row_key == now.row_key


def test_lanes_and_generations_keep_rows_of_their_own() -> None:
    history = History()
    for tell in (history.grant, history.withdraw):
        live, backfill = tell(0), tell(0, lane=Lane.BACKFILL)
        second = tell(0, generation=2)
        assert len({live.row_key, backfill.row_key, second.row_key}) == 3
        assert (backfill.instance.split("|")[-1], second.instance.split("|")[-1]) == (
            "backfill",
            "generation 2",
        )


def test_every_subject_event_has_rows_and_every_type_a_name() -> None:
    assert set(SUBJECT_EVENT_TYPES) <= set(EVENT_TYPES.values())
    assert all(EVENT_TYPES[kind.__name__] is kind for kind in EVENT_TYPES.values())


def test_protective_are_the_acts_that_can_only_tighten() -> None:
    assert is_protective(ConsentWithdrawn(envelope=envelope(), scope=EMAIL))
    assert is_protective(ConsentRefused(envelope=envelope(), scope=EMAIL))
    assert is_protective(ObjectionRaised(envelope=envelope(), scope=EMAIL, episode_id=b"e" * 16))
    assert is_protective(PreferenceSet(envelope=envelope(), scope=EMAIL, direction="out"))
    assert not is_protective(PreferenceSet(envelope=envelope(), scope=EMAIL, direction="in"))
    assert not is_protective(ConsentGiven(envelope=envelope(), scope=EMAIL, notice="signup@3"))
    assert not is_protective(NoticeServed(envelope=envelope(), notice="signup@3"))


def test_a_lane_is_stored_as_a_number_and_other_numbers_are_none() -> None:
    assert [Lane.of_number(lane.number) for lane in Lane] == list(Lane)
    for number in (-1, len(Lane)):
        with pytest.raises(ValueError, match="no lane"):
            Lane.of_number(number)


@pytest.mark.parametrize("shape", ["yes", "no", "fact", "remark"])
def test_the_greater_rank_wins_as_a_whole(shape: str) -> None:
    low, high = row(shape, first=half(1, offset=9)), row(shape, first=half(2))
    assert merge(low, high) is high
    assert merge(high, low) is high


def test_ties_are_broken_by_event_id_and_then_by_coordinates() -> None:
    a, b = row("no", first=half(event=b"a")), row("no", first=half(event=b"b"))
    assert merge(a, b) is merge(b, a) is b
    early, late = row("no", first=half(offset=1)), row("no", first=half(offset=2))
    assert merge(early, late) is merge(late, early) is late
    live, backfill = row("no", first=half()), row("no", first=half(lane=1))
    assert merge(live, backfill) is merge(backfill, live) is backfill


def test_a_pair_counts_when_both_halves_are_in_and_ranks_as_the_lower() -> None:
    asked, confirmed = row("pair", first=half(5)), row("pair", second=half(3))
    both = merge(asked, confirmed)
    assert both == merge(confirmed, asked)
    assert both.rank == Rank(3, 0)
    assert asked.rank == confirmed.rank == LOWEST_RANK
    assert both.detail == asked.detail


def test_an_episode_that_ended_before_it_began_is_ended() -> None:
    begun, ended = row("episode", first=half(5)), row("episode", second=half(3))
    assert merge(ended, begun) == merge(begun, ended) == msgspec.structs.replace(begun, second=half(3))
    assert begun.rank == Rank(5, 0)
    assert ended.rank == LOWEST_RANK


def test_halves_are_joined_apart() -> None:
    one = msgspec.structs.replace(row("episode", first=half(5)), second=half(1))
    other = msgspec.structs.replace(row("episode", first=half(4)), second=half(2))
    joined = merge(one, other)
    assert joined.first == half(5) and joined.second == half(2)
    assert merge(one, one) is one


def test_folding_keeps_one_row_for_each_key() -> None:
    history = History()
    first, again = history.withdraw(0), history.withdraw(MINUTE)
    assert fold([first, again, first]) == {again.row_key: again}
    assert fold([]) == {}


def test_content_is_what_the_act_says_and_not_when_or_under_which_id() -> None:
    grant = ConsentGiven(envelope=envelope(1), scope=EMAIL, notice="signup@3")
    sent_again = envelope(2, occurred_at=5, waited_ms=None, may_be_repeat=True, capture="phone", source="app")
    assert content_digest(msgspec.structs.replace(grant, envelope=sent_again)) == content_digest(grant)
    for changed in ({"voice": Voice.CONTROLLER}, {"effective_from": 1}, {"origin": "outbox"}):
        other = msgspec.structs.replace(grant.envelope, **changed)
        assert content_digest(msgspec.structs.replace(grant, envelope=other)) != content_digest(grant)
    for changed in ({"notice": "signup@1"}, {"expires_at": 0}, {"verified": True}, {"scope": Scope()}):
        assert content_digest(msgspec.structs.replace(grant, **changed)) != content_digest(grant)
    refusal = ConsentRefused(envelope=envelope(), scope=EMAIL)
    assert content_digest(refusal) != content_digest(ConsentWithdrawn(envelope=envelope(), scope=EMAIL))


def test_an_objection_sent_again_under_a_new_episode_is_the_same_content() -> None:
    one, other = (
        ObjectionRaised(envelope=envelope(), scope=EMAIL, episode_id=name * 16) for name in (b"1", b"2")
    )
    assert content_digest(one) == content_digest(other)
