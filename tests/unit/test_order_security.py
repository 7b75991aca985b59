"""Orders and acknowledgements: whole under their signature, and about a person for one reader alone."""

import os
from typing import Any

import msgspec
import pytest

from ledger.domain.identifiers import email
from ledger.domain.orders import ErasureAcknowledgement, ErasureOrder, OrderContents
from ledger.event_log.codec import decode, encode
from ledger.order_security import UNSIGNED, is_signed_by, open_contents, seal_contents, signed, verify_key_of
from ledger.sealing import key_id, open_with, public_key_of, seal_to

SIGNING_KEY = bytes(range(1, 33))
SEALING_KEY = bytes(range(2, 34))
CONTENTS = OrderContents(subject_ids=(bytes(range(16)),), identifiers=(email("anna@example.se"),))


def order(**changed: Any) -> ErasureOrder:
    fields: dict[str, Any] = {
        "order_id": bytes(range(16)),
        "request_id": bytes(range(16, 32)),
        "controller": "klingit",
        "holder": "crm",
        "method": "both",
        "categories": ("contact", "behaviour"),
        "issued_at": 1_700_000_000_000,
        "due_at": 1_700_600_000_000,
        "attempt": 1,
        "counts_from": 1,
        "key_id": key_id(public_key_of(SEALING_KEY)),
        "sealed": seal_contents(
            public_key_of(SEALING_KEY),
            CONTENTS,
            controller="klingit",
            holder="crm",
            order_id=bytes(range(16)),
        ),
        "signature": UNSIGNED,
    }
    return signed(ErasureOrder(**fields | changed), SIGNING_KEY)


def acknowledgement() -> ErasureAcknowledgement:
    message = ErasureAcknowledgement(
        order_id=bytes(range(16)),
        request_id=bytes(range(16, 32)),
        controller="klingit",
        holder="crm",
        outcome="erased",
        done_at=1_700_000_100_000,
        found=3,
        left=0,
        key_id=key_id(verify_key_of(SIGNING_KEY)),
        signature=UNSIGNED,
        evidence_digest=bytes(32),
        detail=None,
    )
    return signed(message, SIGNING_KEY)


CHANGES: dict[str, Any] = {
    "order_id": bytes(16),
    "request_id": bytes(16),
    "controller": "omilon",
    "holder": "mailing",
    "method": "order",
    "categories": ("contact",),
    "issued_at": 1,
    "due_at": 1,
    "attempt": 2,
    "counts_from": 2,
    "key_id": bytes(8),
    "sealed": b"other",
    "outcome": "nothing_held",
    "done_at": 1,
    "found": 4,
    "left": 1,
    "evidence_digest": None,
    "detail": "legal_claim",
    "signature": bytes(64),
}


@pytest.mark.parametrize("message", [order(), acknowledgement()], ids=["order", "acknowledgement"])
def test_a_signature_outlives_the_wire_and_covers_every_field(message: Any) -> None:
    verify_key = verify_key_of(SIGNING_KEY)
    assert is_signed_by(message, verify_key)
    assert is_signed_by(decode(encode(message)), verify_key)  # type: ignore[arg-type]
    assert not is_signed_by(message, verify_key_of(os.urandom(32)))
    for field in message.__struct_fields__:
        assert not is_signed_by(msgspec.structs.replace(message, **{field: CHANGES[field]}), verify_key), (
            field
        )


def test_an_order_is_read_by_its_holder_alone_and_as_that_order_alone() -> None:
    assert open_contents(SEALING_KEY, order()) == CONTENTS
    assert open_contents(os.urandom(32), order()) is None
    for changed in ({"controller": "omilon"}, {"holder": "mailing"}, {"order_id": bytes(16)}):
        assert open_contents(SEALING_KEY, order(**changed)) is None
    for sealed in (b"", b"\x01", order().sealed[:-1], order().sealed + b"\x00"):
        assert open_contents(SEALING_KEY, order(sealed=sealed)) is None


def test_what_is_sealed_shows_nothing_and_is_new_each_time() -> None:
    assert b"anna" not in encode(order())
    assert order().sealed != order().sealed


def test_other_contents_than_an_orders_do_not_open_as_one() -> None:
    info = msgspec.msgpack.encode((b"consent-ledger order contents v1", "klingit", "crm", bytes(range(16))))
    sealed = seal_to(public_key_of(SEALING_KEY), b"\xc1", info)
    assert open_with(SEALING_KEY, sealed, info) == b"\xc1"
    assert open_contents(SEALING_KEY, order(sealed=sealed)) is None
