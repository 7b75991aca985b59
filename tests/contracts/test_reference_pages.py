"""The generated pages say what the code says."""

import ast
from pathlib import Path

import pytest

from ledger.domain.reasons import REASONS
from ledger.error_codes import ERROR_CODES
from tests.contracts.reference_pages import DOCS, PAGES

ROOT = DOCS.parent
RAISING = {
    "Rejected",
    "Unauthorised",
    "Forbidden",
    "NotFound",
    "Conflict",
    "Unavailable",
    "MalformedRecord",
    "IntegrityViolation",
    "ConfigurationError",
    "LedgerError",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_reference_page_says_what_the_code_says(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), (
        "run: python -m tests.contracts.reference_pages --write"
    )


def test_every_code_that_is_raised_stands_in_the_table() -> None:
    raised = {code: place for place, code in _raised_codes()}
    assert raised, "no raise was found, so this test would prove nothing"
    unknown = {code: place for code, place in raised.items() if code not in ERROR_CODES}
    assert unknown == {}


def test_every_code_in_the_table_is_used_somewhere() -> None:
    text = "\n".join(path.read_text() for path in _sources() if path.name != "error_codes.py")
    unused = [code for code in ERROR_CODES if f'"{code}"' not in text and f"'{code}'" not in text]
    assert unused == []


def test_every_reason_that_the_domain_gives_stands_in_the_list() -> None:
    text = "\n".join(path.read_text() for path in _sources() if path.name != "reasons.py")
    unused = [code for code in REASONS if f'"{code}"' not in text]
    assert unused == []


def _sources() -> list[Path]:
    return [path for folder in ("ledger", "projections") for path in (ROOT / folder).rglob("*.py")]


def _raised_codes() -> list[tuple[str, str]]:
    found = []
    for path in _sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            first = node.args[0]
            if name in RAISING and isinstance(first, ast.Constant) and isinstance(first.value, str):
                found.append((f"{path.relative_to(ROOT)}:{node.lineno}", first.value))
    return found
