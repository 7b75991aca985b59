"""Events of every type for tests: one plain example each, and Hypothesis strategies over all that a type allows."""

from typing import Any, Final

from hypothesis import strategies as st

from ledger.domain.events import (
    Capture,
    CataloguePublished,
    ConsentGiven,
    ConsentRefused,
    ConsentWithdrawn,
    Envelope,
    Event,
    Lane,
    LogGenesis,
    NoticeServed,
    ObjectionRaised,
    Origin,
    OriginStamp,
    PreferenceSet,
    RanksBelow,
    Scope,
    Seen,
    Voice,
)

__all__ = ["EXAMPLES", "envelope", "events"]

ID: Final = bytes(range(16))
DIGEST: Final = bytes(range(32))


def envelope(**changes: Any) -> Envelope:
    """An envelope with the required fields, and ``changes``."""
    fields: dict[str, Any] = {
        "event_id": ID, "act_id": ID[::-1], "controller": "klingit", "source": "shop", "waited_ms": 0,
    }  # fmt: skip
    return Envelope(**{**fields, **changes})


EXAMPLES: Final[tuple[Event, ...]] = (
    ConsentGiven(envelope=envelope(), scope=Scope(purpose="newsletter", channel="email"), notice="signup@3"),
    ConsentRefused(envelope=envelope(), scope=Scope(purpose="profiling")),
    ConsentWithdrawn(envelope=envelope(), scope=Scope(purpose="newsletter"), notice="preferences@1"),
    PreferenceSet(envelope=envelope(), scope=Scope(channel="sms"), direction="out"),
    ObjectionRaised(envelope=envelope(), scope=Scope(), episode_id=ID),
    NoticeServed(envelope=envelope(), notice="signup@3", language="sv"),
    CataloguePublished(envelope=envelope(), version=1, effective_from_ms=0, digest=DIGEST, document="{}"),
    LogGenesis(
        controller="klingit",
        log_id=ID,
        generation=1,
        lane=Lane.LIVE,
        partition=0,
        partitions=6,
        genesis_id=ID,
    ),
)
"""One of every type on the log."""

_ids16 = st.binary(min_size=16, max_size=16)
_ids32 = st.binary(min_size=32, max_size=32)
_ints = st.integers(-(2**31), 2**31 - 1)
_longs = st.integers(-(2**63), 2**63 - 1)
_texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
_DROPPABLE: Final = ("unknown", "purpose_group", "channel", "notice", "occurred_at", "seen", "caused_by")


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


_seen = st.builds(
    Seen, log_id=_ids16, generation=_ints, lane=st.sampled_from(Lane), partition=_ints, next_offset=_longs,
    stamp_ms=_longs,
)  # fmt: skip
_origin_stamps = st.builds(
    OriginStamp, log_id=_ids16, generation=_ints, lane=st.sampled_from(Lane), partition=_ints, offset=_longs,
    broker_ms=_longs, stamp_ms=_longs,
)  # fmt: skip
_scopes = st.builds(Scope, **{name: _maybe(_texts) for name in Scope.__struct_fields__})
_envelopes = st.builds(
    Envelope,
    event_id=_ids16,
    act_id=_ids16,
    act_index=_ints,
    controller=_texts,
    source=_texts,
    voice=st.sampled_from(Voice),
    capture=st.sampled_from(Capture),
    origin=st.sampled_from(Origin),
    occurred_at=_maybe(_longs),
    stated_exactly=st.booleans(),
    effective_from=_maybe(_longs),
    waited_ms=_maybe(_longs),
    may_be_repeat=st.booleans(),
    seen=_maybe(_seen),
    ranks_below=_maybe(st.builds(RanksBelow, ms=_longs, seq=_longs)),
    origin_stamp=_maybe(_origin_stamps),
    evidence_commitment=_maybe(_ids32),
    request_id=_maybe(_ids16),
    caused_by=_maybe(_ids16),
    catalogue_version=_maybe(_ints),
    dropped_fields=st.lists(st.sampled_from(_DROPPABLE), max_size=3).map(tuple),
)

events: Final[st.SearchStrategy[Event]] = st.one_of(
    st.builds(
        ConsentGiven, envelope=_envelopes, scope=_scopes, notice=_texts, expires_at=_maybe(_longs),
        confirms=_maybe(_ids16), verified=st.booleans(), capture_point=_maybe(_texts),
    ),
    st.builds(ConsentRefused, envelope=_envelopes, scope=_scopes, notice=_maybe(_texts)),
    st.builds(ConsentWithdrawn, envelope=_envelopes, scope=_scopes, notice=_maybe(_texts)),
    st.builds(
        PreferenceSet, envelope=_envelopes, scope=_scopes, direction=st.sampled_from(("in", "out")),
        topic=_maybe(_texts), message_class=_maybe(_texts),
    ),
    st.builds(ObjectionRaised, envelope=_envelopes, scope=_scopes, episode_id=_ids16),
    st.builds(NoticeServed, envelope=_envelopes, notice=_texts, language=_maybe(_texts)),
    st.builds(
        CataloguePublished, envelope=_envelopes, version=_ints, effective_from_ms=_longs, digest=_ids32,
        document=_texts,
    ),
    st.builds(
        LogGenesis, controller=_texts, log_id=_ids16, generation=_ints, lane=st.sampled_from(Lane),
        partition=_ints, partitions=_ints, genesis_id=_ids16,
    ),
)  # fmt: skip
"""Any event that the schemas can hold."""
