"""The rules of publishing: versions, texts and starts only go forward, and what widens waits."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.audit.publishing import Plan, in_force, plan, published_for
from ledger.cli.catalogue_files import load_catalogue
from ledger.domain.catalogue import Catalogue, NoticeText
from ledger.errors import Conflict, Rejected
from ledger.event_log.catalogue_log import PublishedVersion

KLINGIT = load_catalogue(Path(__file__).parents[3] / "deploy" / "catalogues" / "klingit")
NOW = 1_790_000_000_000
BOUND = 30_000


def version(number: int, **purposes: dict[str, Any]) -> Catalogue:
    """Klingit's catalogue as version ``number``, with fields of purposes replaced (``kl_promo={...}``)."""
    changed = dict(KLINGIT.purposes)
    for name, fields in purposes.items():
        key = name.replace("_", ".", 1)
        changed[key] = msgspec.structs.replace(changed[key], **fields)
    return msgspec.structs.replace(KLINGIT, version=number, purposes=changed)


def planned(catalogue: Catalogue, *published: PublishedVersion, **fields: Any) -> Plan:
    return plan(catalogue, published, **{"now_ms": NOW, "staleness_bound_ms": BOUND} | fields)


def published(of: Plan, offset: int = 1) -> PublishedVersion:
    return PublishedVersion(
        version=of.version,
        effective_from_ms=of.effective_from_ms,
        broker_ms=NOW,
        offset=offset,
        digest=of.digest,
        document=of.document,
    )


FIRST = published(planned(version(1)))


def test_the_first_version_takes_effect_at_once() -> None:
    found = planned(version(1))
    assert found.writes and found.effective_from_ms == NOW


def test_the_same_content_again_writes_nothing_whatever_the_time() -> None:
    found = planned(version(1), FIRST, now_ms=NOW + 10**9, effective_from_ms=NOW - 5)
    assert not found.writes and found.effective_from_ms == NOW and found.changes == ()


def test_a_version_that_only_tightens_takes_effect_at_once() -> None:
    found = planned(version(2, kl_promo={"channels": ("email",)}), FIRST, now_ms=NOW + 5)
    assert found.effective_from_ms == NOW + 5


def test_a_version_that_widens_waits_until_every_decision_point_can_know_it() -> None:
    wider = version(2, kl_promo={"channels": ("email", "phone", "web")})
    assert planned(wider, FIRST).effective_from_ms == NOW + BOUND
    with pytest.raises(Rejected, match="catalogue_past_dated"):
        planned(wider, FIRST, effective_from_ms=NOW + BOUND - 1)
    assert planned(wider, FIRST, effective_from_ms=NOW + BOUND).effective_from_ms == NOW + BOUND


def test_the_same_version_with_other_content_is_refused() -> None:
    with pytest.raises(Conflict, match="catalogue_version_taken"):
        planned(version(1, kl_promo={"channels": ("email",)}), FIRST)


def test_a_lower_version_is_refused() -> None:
    second = published(planned(version(3, kl_promo={"channels": ("email",)}), FIRST), 2)
    with pytest.raises(Conflict, match="catalogue_version_taken"):
        planned(version(2), FIRST, second)


def test_a_version_may_not_start_in_the_past() -> None:
    with pytest.raises(Rejected, match="catalogue_past_dated"):
        planned(version(1), effective_from_ms=NOW - 1)


def test_a_version_never_starts_before_an_earlier_one_so_that_none_comes_back() -> None:
    later = published(
        planned(version(2, kl_promo={"channels": ("email",)}), FIRST, effective_from_ms=NOW + 10**6), 2
    )
    third = version(3, kl_promo={"channels": ()})
    assert planned(third, FIRST, later).effective_from_ms == NOW + 10**6
    with pytest.raises(Rejected, match="catalogue_past_dated"):
        planned(third, FIRST, later, effective_from_ms=NOW + 1)


def test_another_text_under_a_published_notice_version_is_refused() -> None:
    notice = KLINGIT.notices["signup@2"]
    other = NoticeText(sha256="8" * 64, text="Något helt annat.")
    rewritten = msgspec.structs.replace(notice, texts=dict(notice.texts, sv=other))
    catalogue = msgspec.structs.replace(version(2), notices=dict(KLINGIT.notices, **{"signup@2": rewritten}))
    with pytest.raises(Conflict, match="catalogue_notice_rewritten"):
        planned(catalogue, FIRST)


def test_a_notice_may_not_come_back_with_another_text_after_a_version_without_it() -> None:
    without = {key: notice for key, notice in KLINGIT.notices.items() if key != "signup@2"}
    second = published(planned(msgspec.structs.replace(version(2), notices=without), FIRST), 2)
    notice = KLINGIT.notices["signup@2"]
    other = NoticeText(sha256="8" * 64, text="Något helt annat.")
    back = dict(without, **{"signup@2": msgspec.structs.replace(notice, texts=dict(notice.texts, en=other))})
    with pytest.raises(Conflict, match="catalogue_notice_rewritten"):
        planned(msgspec.structs.replace(version(3), notices=back), FIRST, second)


def test_the_version_in_force_is_the_latest_that_has_started() -> None:
    later = msgspec.structs.replace(FIRST, version=2, effective_from_ms=NOW + 100, offset=2)
    assert in_force([FIRST, later], NOW - 1) is None
    assert in_force([FIRST, later], NOW) == FIRST
    assert in_force([FIRST, later], NOW + 100) == later
    same_start = msgspec.structs.replace(later, effective_from_ms=NOW)
    assert in_force([same_start, FIRST], NOW) == same_start


def test_a_catalogue_published_for_another_controller_has_topics_of_its_own() -> None:
    other = published_for(KLINGIT, "elsewhere")
    assert other.controller.name == "elsewhere"
    assert other.holders["mailing_list"].topic == "holder.elsewhere.mailing-list"
    assert other.holders["crm"] == KLINGIT.holders["crm"]
    assert published_for(KLINGIT, "klingit") == KLINGIT
