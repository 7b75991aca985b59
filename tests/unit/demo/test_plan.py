"""The plan of the demo's day: reproducible, large enough, and with every twist in it."""

from collections import Counter

import pytest

from tests.demo.__main__ import FULL_SIZE
from tests.demo.companies import COMPANIES
from tests.demo.plan import AFTERNOON, ERASURES, OLD_LIST, Person, Size, plan_day, questions_about
from tests.demo.promised import promises_of
from tests.demo.stage import ROOT

SMALL = Size(people=60, devices=20, listed=60)


@pytest.fixture(scope="module")
def plan() -> list[Person]:
    return plan_day(SMALL)


def test_the_same_seed_gives_the_same_day(plan: list[Person]) -> None:
    assert plan == plan_day(SMALL)


def test_the_full_day_has_fifty_thousand_acts() -> None:
    acts = 0
    for person in plan_day(FULL_SIZE):
        said = [act for act in person.acts if act["act"] not in ("erase", "asked") and not act.get("again")]
        listed = {act["part"] for act in said if act.get("imported")}
        own = {(*act.get("form", ()), act["true_ms"], act["part"]) for act in said if not act.get("imported")}
        acts += len(listed) + len(own)
    assert acts >= 50_000


def test_everybody_is_asked_about_and_every_question_is_about_a_declared_purpose(plan: list[Person]) -> None:
    for company in COMPANIES:
        purposes = promises_of(ROOT / "deploy" / "catalogues" / company.name).purposes
        for person in plan:
            if person.company is company:
                questions = questions_about(person)
                assert questions
                assert {purpose for _, purpose, _ in questions} <= purposes.keys()


def test_every_twist_is_in_it(plan: list[Person]) -> None:
    acts = [act for person in plan for act in person.acts]
    kinds = Counter(act["act"] for act in acts)
    assert kinds.keys() == {"grant", "refuse", "withdraw", "unsubscribe", "object", "preference_out", "erase", "asked"}
    for twist in ("again", "seen", "waited_ms", "imported", "verified"):
        assert any(act.get(twist) for act in acts), twist
    assert {act["part"] for act in acts} >= {ERASURES, AFTERNOON, OLD_LIST}
