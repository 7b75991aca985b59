"""Keys of a topic that forgets, and what a scan says of those who may come again."""

import pytest

from ledger.errors import Rejected
from ledger.event_log.compacted_topic import ROLLER_KEY, Scan, checked_keys

ANNA, BO = b"a" * 16, b"b" * 16


@pytest.mark.parametrize("key", [None, b"", b"short", b"a" * 17, "a" * 16, ROLLER_KEY], ids=repr)
def test_a_key_that_is_no_subject_id_is_refused(key: object) -> None:
    assert checked_keys([ANNA, BO]) == (ANNA, BO)
    with pytest.raises(Rejected, match="topic_key_unusable"):
        checked_keys([ANNA, key])  # type: ignore[list-item]


def test_what_was_written_after_the_order_is_only_the_orders_when_everything_is_erased() -> None:
    scan = Scan(values={ANNA: 100, BO: 300}, tombstones=frozenset({ANNA}), alive={BO: 300}, read=())
    assert scan.left([ANNA, BO]) == {ANNA, BO}
    assert scan.left([ANNA, BO], before_ms=200) == {ANNA}
    assert scan.left([BO], before_ms=200) == frozenset()
    assert scan.due([ANNA, BO]) == {BO}
    assert scan.due([ANNA, BO], before_ms=200) == frozenset()
