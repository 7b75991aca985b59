"""A catalogue is read whole and sound, or refused with the place."""

import hashlib

import msgspec
import pytest

from ledger.domain.catalogue import (
    MAX_DOCUMENT_BYTES,
    MAX_PURPOSES,
    Basis,
    Catalogue,
    canonical_document,
    document_digest,
    parse_document,
    unsound_places,
)
from ledger.errors import Rejected
from tests.support.catalogue import small_catalogue

SMALL = small_catalogue("example")
replaced = msgspec.structs.replace


def with_purpose(key: str, **fields: object) -> Catalogue:
    return replaced(SMALL, purposes=SMALL.purposes | {key: replaced(SMALL.purposes["newsletter"], **fields)})


def with_notice(key: str, **fields: object) -> Catalogue:
    return replaced(SMALL, notices=SMALL.notices | {key: replaced(SMALL.notices["signup@1"], **fields)})


def test_a_catalogue_survives_its_document() -> None:
    document = canonical_document(SMALL)
    assert parse_document(document) == parse_document(document.encode()) == SMALL
    assert canonical_document(parse_document(document)) == document


def test_equal_catalogues_have_equal_documents_and_digests() -> None:
    turned = replaced(SMALL, purposes=dict(reversed(SMALL.purposes.items())))
    assert canonical_document(turned) == canonical_document(SMALL)
    assert (
        document_digest(canonical_document(SMALL))
        == hashlib.sha256(canonical_document(SMALL).encode()).digest()
    )


@pytest.mark.parametrize(
    "document",
    ["", "[]", "{", '{"format": 1}', "\ud800", '"\\ud800"', b"\xff\xfe", "[" * 100_000, "null",
     canonical_document(SMALL)[:-1] + ',"surplus":1}'],
)  # fmt: skip
def test_what_is_no_catalogue_is_refused(document: str | bytes) -> None:
    with pytest.raises(Rejected) as raised:
        parse_document(document)
    assert raised.value.code == "catalogue_malformed"


def test_a_document_is_measured_in_bytes() -> None:
    for document in (b" " * (MAX_DOCUMENT_BYTES + 1), "å" * (MAX_DOCUMENT_BYTES // 2 + 1)):
        with pytest.raises(Rejected) as raised:
            parse_document(document)
        assert raised.value.code == "catalogue_too_large"
    padded = canonical_document(SMALL).encode().ljust(MAX_DOCUMENT_BYTES)
    assert parse_document(padded) == SMALL


@pytest.mark.parametrize(
    ("catalogue", "finding"),
    [
        (replaced(SMALL, format=2), "format is 2, this version reads 1"),
        (with_purpose("news"), "purposes.news has the id newsletter"),
        (with_purpose("newsletter", channels=("fax",)), "purposes.newsletter.channels names fax, which is not declared"),
        (with_purpose("newsletter", categories=("x",)), "purposes.newsletter.categories names x, which is not declared"),
        (with_purpose("newsletter", groups=("x",)), "purposes.newsletter.groups names x, which is not declared"),
        (with_purpose("newsletter", recipients=("x",)), "purposes.newsletter.recipients names x, which is not declared"),
        (
            with_purpose("newsletter", message_class="x"),
            "purposes.newsletter.message_class names x, which is not declared",
        ),
        (
            with_purpose("newsletter", basis=Basis.LEGITIMATE_INTERESTS),
            "purposes.newsletter rests on legitimate interests without a balancing record",
        ),
        (with_notice("other@1"), "notices.other@1 is called signup@1"),
        (with_notice("signup@1", purposes=("x",)), "notices.signup@1.purposes names x, which is not declared"),
        (with_notice("signup@1", texts={}), "notices.signup@1 has no text"),
        (with_notice("signup@1", effective_until_ms=SMALL.notices["signup@1"].effective_from_ms),
         "notices.signup@1 ends before it begins"),
        (replaced(SMALL, recipients={"other": SMALL.recipients["acme"], **SMALL.recipients}),
         "recipients.other has the id acme"),
        (replaced(SMALL, message_classes=SMALL.message_classes | {"x": SMALL.message_classes["service"]}),
         "message_classes.x has the id service"),
    ],
)  # fmt: skip
def test_what_would_make_a_decision_unsound_is_refused_with_its_place(
    catalogue: Catalogue, finding: str
) -> None:
    assert unsound_places(catalogue) == [finding]
    with pytest.raises(Rejected) as raised:
        parse_document(canonical_document(catalogue))
    assert raised.value.code == "catalogue_unsound"
    assert finding in raised.value.detail


def test_a_text_that_is_not_the_one_that_was_hashed_is_found() -> None:
    texts = SMALL.notices["signup@1"].texts
    catalogue = with_notice("signup@1", texts={"en": replaced(texts["en"], text="Something else.")})
    assert unsound_places(catalogue) == [
        "notices.signup@1.texts.en does not have the content hash that it states"
    ]


def test_a_notice_may_end_and_a_sound_catalogue_has_no_findings() -> None:
    begins = SMALL.notices["signup@1"].effective_from_ms
    assert unsound_places(with_notice("signup@1", effective_until_ms=begins + 1)) == []
    assert unsound_places(SMALL) == []


def test_no_more_purposes_than_can_be_held() -> None:
    newsletter = SMALL.purposes["newsletter"]
    purposes = {f"p{n}": replaced(newsletter, id=f"p{n}") for n in range(MAX_PURPOSES + 1)}
    findings = unsound_places(replaced(SMALL, purposes=purposes, notices={}, holds={}))
    assert findings == [f"there are {MAX_PURPOSES + 1} purposes, at most {MAX_PURPOSES} can be held"]


def test_consent_and_direct_marketing_can_always_be_declined_and_the_rest_as_its_class_says() -> None:
    newsletter, delivery = SMALL.purposes["newsletter"], SMALL.purposes["delivery"]
    assert SMALL.is_declinable(replaced(newsletter, message_class="service"))
    assert SMALL.is_declinable(replaced(delivery, direct_marketing=True))
    assert SMALL.is_declinable(replaced(delivery, message_class="marketing"))
    assert not SMALL.is_declinable(delivery)


def test_a_notice_is_named_by_id_and_version() -> None:
    assert SMALL.notices["signup@3"].reference == "signup@3"
