"""The closed lists and declared names that a rights request is made of."""

from datetime import UTC, date, datetime

import pytest

from ledger.domain.request_terms import (
    EXTENSION_REASONS,
    REFUSAL_REASONS,
    checked_reason,
    require_declared,
    since_ms,
)
from ledger.domain.screening import is_id
from ledger.errors import Rejected
from tests.support.catalogue import small_catalogue

CATALOGUE = small_catalogue()


def test_what_the_catalogue_declares_is_taken() -> None:
    require_declared(CATALOGUE, ["contact", "behaviour"], ["invoices"])
    require_declared(None, [], [])


@pytest.mark.parametrize(
    ("categories", "holds", "code", "field"),
    [
        (["contact", "telepathy"], [], "category_unknown", "categories"),
        ([], ["whim"], "hold_unknown", "holds"),
        (["anna@example.se"], [], "category_unknown", "categories"),
        (["19811218-9876"], [], "category_unknown", "categories"),
    ],
    ids=["category", "hold", "address", "personal_number"],
)
def test_what_nobody_declared_is_refused_and_only_an_id_is_repeated(
    categories: list[str], holds: list[str], code: str, field: str
) -> None:
    with pytest.raises(Rejected) as refused:
        require_declared(CATALOGUE, categories, holds)
    assert (refused.value.code, refused.value.context["field"]) == (code, field)
    assert "anna" not in refused.value.detail
    assert "9876" not in refused.value.detail


def test_without_a_catalogue_nothing_can_be_named() -> None:
    for categories, holds in ((["contact"], []), ([], ["invoices"])):
        with pytest.raises(Rejected) as refused:
            require_declared(None, categories, holds)
        assert refused.value.code == "catalogue_missing"


def test_a_day_begins_where_the_controller_is() -> None:
    begins = int(datetime(2026, 2, 28, 23, tzinfo=UTC).timestamp() * 1000)
    assert since_ms("2026-03-01", "holds") == begins
    assert since_ms(date(2026, 3, 1), "holds") == begins
    assert since_ms(datetime(2026, 2, 28, 23, tzinfo=UTC), "holds") == begins
    assert since_ms("2026-03-01T00:00:00+01:00", "holds") == begins


@pytest.mark.parametrize("value", ["2026-02-30", "last spring", "2026-03-01T00:00:00", 7, None, "2026-3-001"])
def test_what_is_no_day_and_no_moment_is_refused(value: object) -> None:
    with pytest.raises(Rejected) as refused:
        since_ms(value, "holds")
    assert refused.value.code == "time_malformed"


@pytest.mark.parametrize("known", [EXTENSION_REASONS, REFUSAL_REASONS], ids=["extension", "refusal"])
def test_a_reason_is_an_id_of_the_list_and_no_free_text(known: dict[str, str]) -> None:
    for reason, words in known.items():
        assert checked_reason(reason, known) == reason
        assert is_id(reason) and words.endswith(".")
    with pytest.raises(Rejected) as refused:
        checked_reason("anna@example.se asked for it", known)
    assert refused.value.code == "reason_unknown"
    assert "anna" not in refused.value.detail
