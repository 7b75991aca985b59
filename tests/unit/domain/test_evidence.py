"""Evidence: a closed list of short texts, and a commitment that tells nothing without its salt."""

import hashlib
import os
from typing import Any

import pytest

from ledger.domain.evidence import MAX_EVIDENCE_BYTES, SALT_BYTES, Evidence, commitment_of, read_evidence
from ledger.errors import Rejected

IP = "203.0.113.77"


@pytest.mark.parametrize("nothing", [None, {}, {"ip": None, "form": None}], ids=["none", "empty", "nulls"])
def test_nothing_is_no_evidence(nothing: object) -> None:
    assert read_evidence(nothing) is None


def test_an_address_is_kept_in_its_one_form() -> None:
    found = read_evidence({"ip": " 2001:DB8::0:1 "})
    assert found == Evidence(ip="2001:db8::1")
    assert read_evidence(Evidence(ip=IP, form="signup")) == Evidence(ip=IP, form="signup")


@pytest.mark.parametrize(
    "value",
    [
        "203.0.113.77",
        {"ip": "203.0.113.777"},
        {"password": "hunter2"},
        {"form": 7},
        {"form": ""},
        {"page": "x" * 2_049},
        {"page": "x" * 2_000, "user_agent": "å" * 1_500},
        {"form": "\ud800"},
    ],
    ids=["text", "no_ip", "unknown", "number", "empty", "long", "large", "half_a_character"],
)
def test_what_cannot_be_used_is_refused_and_never_repeated(value: Any) -> None:
    with pytest.raises(Rejected) as refusal:
        read_evidence(value)
    assert (refusal.value.code, refusal.value.context["field"]) == ("evidence_malformed", "evidence")
    assert not any(part in str(refusal.value) for part in ("hunter2", "113.777", "xxx"))


def test_it_is_at_most_four_kibibytes_and_shows_nothing_of_itself() -> None:
    found = read_evidence({"page": "x" * 2_000, "user_agent": "y" * 2_000})
    assert found is not None and len(found.canonical()) <= MAX_EVIDENCE_BYTES
    assert repr(found) == "<evidence>"


def test_a_commitment_is_made_of_salt_and_content_and_of_nothing_that_could_be_tried() -> None:
    evidence, salt = Evidence(ip=IP), os.urandom(SALT_BYTES)
    made = commitment_of(salt, evidence)
    assert made == commitment_of(salt, Evidence(ip=IP))
    assert made != commitment_of(os.urandom(SALT_BYTES), evidence)
    assert made != commitment_of(salt, Evidence(form=IP))
    assert made != hashlib.sha256(evidence.canonical()).digest()
    with pytest.raises(ValueError, match="32 bytes"):
        commitment_of(b"", evidence)
