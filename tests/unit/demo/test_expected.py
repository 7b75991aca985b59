"""The independent fold of the demo: what it says of one person at a time, and that it is independent."""

import ast
from pathlib import Path
from typing import Any

import pytest

from tests.demo import expected, promised
from tests.demo.expected import expected_answers
from tests.demo.promised import Promises

PERSON = "email:anna@example.se"
PROMISES = Promises(
    purposes={
        "news": {
            "message_class": "letters", "basis": "consent", "categories": ["contact", "marketing"], "declinable": True,
        },
        "improve": {
            "message_class": "insight", "basis": "legitimate_interests", "categories": ["usage"], "declinable": True,
        },
        "debts": {
            "message_class": "claims", "basis": "legitimate_interests", "categories": ["invoices"], "declinable": False,
        },
    },
    categories=("contact", "marketing", "usage", "invoices"),
    holds={"books": {"categories": ["invoices"], "purposes": ["accounts"]}},
)  # fmt: skip
NEWS, IMPROVE, DEBTS = ("news", "email"), ("improve", None), ("debts", None)


def _act(kind: str, at: int, **more: Any) -> dict[str, Any]:
    return {"act": kind, "person": PERSON, "true_ms": at, "purpose": "news", "channel": "email", **more}


def _erase(at: int, *categories: str, holds: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"act": "erase", "person": PERSON, "true_ms": at, "categories": list(categories), "holds": list(holds)}


def _allowed(question: tuple[str, str | None], *acts: dict[str, Any]) -> bool:
    asked = (PERSON, *question)
    return expected_answers(list(acts), PROMISES, [asked])[asked]


def test_the_last_thing_truly_said_decides_whatever_arrived_last() -> None:
    assert _allowed(NEWS, _act("grant", 2), _act("withdraw", 1))
    assert not _allowed(NEWS, _act("withdraw", 2), _act("grant", 1))


def test_nobody_is_allowed_who_said_nothing() -> None:
    assert not _allowed(NEWS)
    assert not _allowed(IMPROVE)


def test_a_list_brings_back_nobody_who_said_no_before_or_after() -> None:
    listed = _act("grant", 5, imported=True)
    assert _allowed(NEWS, listed)
    assert not _allowed(NEWS, _act("withdraw", 1), listed)
    assert not _allowed(NEWS, listed, _act("withdraw", 9))


def test_whoever_is_erased_is_a_stranger() -> None:
    assert not _allowed(NEWS, _act("grant", 1), _erase(2))
    assert not _allowed(IMPROVE, _act("grant", 1), _erase(2))


def test_an_old_no_holds_for_whoever_comes_back_until_a_proved_yes() -> None:
    before = (_act("grant", 1), _act("withdraw", 2), _act("grant", 3), _erase(4))
    assert not _allowed(NEWS, *before, _act("grant", 5))
    assert _allowed(NEWS, *before, _act("grant", 5), _act("grant", 6, verified=True))


def test_an_old_yes_does_not_come_back_with_the_person() -> None:
    assert not _allowed(NEWS, _act("grant", 1), _erase(2), _act("grant", 3, channel="phone"))


def test_no_file_brings_back_whoever_was_erased() -> None:
    assert not _allowed(NEWS, _act("grant", 1), _erase(2), _act("grant", 3, imported=True))


def test_a_first_no_after_an_erasure_allows_nothing_else() -> None:
    assert not _allowed(IMPROVE, _act("grant", 1), _erase(2), _act("withdraw", 3))


def test_an_erasure_of_marketing_data_leaves_the_rest_alone() -> None:
    acts = (_act("grant", 1), _erase(2, "marketing"))
    assert not _allowed(NEWS, *acts)
    assert _allowed(IMPROVE, *acts)
    assert _allowed(NEWS, *acts, _act("grant", 3))


def test_what_the_law_keeps_serves_only_what_it_is_kept_for() -> None:
    acts = (_act("grant", 1), _erase(2, holds=("books",)))
    assert not _allowed(DEBTS, *acts)
    assert not _allowed(NEWS, *acts)
    assert _allowed(DEBTS, _act("grant", 1), _erase(2, "marketing", holds=("books",)))


@pytest.mark.parametrize("module", [expected, promised], ids=["expected", "promised"])
def test_the_independent_fold_shares_nothing_with_the_product(module: Any) -> None:
    tree = ast.parse(Path(module.__file__).read_text())
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert imported <= {"tomllib", "pathlib", "typing", "tests.demo.promised"}
