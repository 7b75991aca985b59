"""What every company's catalogue must offer: a way to forget each person, a hold for the books, words for everything."""

import re
from pathlib import Path

import pytest

from ledger.cli.catalogue_files import load_catalogue
from ledger.domain.catalogue import Basis, Catalogue
from ledger.domain.deadlines import hold_ends
from ledger.domain.moments import moment_ms, moment_text
from ledger.domain.rights_requests import assess, holders_told

CATALOGUES = Path(__file__).parents[3] / "deploy" / "catalogues"
COMPANIES = ("hosting", "klingit", "leetcom", "milkingcloud", "omilon")
PROMISES = {"MC": 39, "KL": 46, "HO": 35, "OM": 35, "LE": 68}
"""How many promises of each company this project lists; a comment may name no other."""
INVOICES = {"klingit": ("invoices", "payment"), "omilon": ("invoice",)}
FEBRUARY = moment_ms("2025-02-15T12:00:00+01:00", "since")
MAY = moment_ms("2025-05-01T12:00:00+02:00", "received")


@pytest.fixture(scope="module", params=COMPANIES)
def catalogue(request: pytest.FixtureRequest) -> Catalogue:
    return load_catalogue(CATALOGUES / request.param)


def test_the_folders_are_the_five_companies() -> None:
    assert tuple(sorted(path.parent.name for path in CATALOGUES.glob("*/catalogue.toml"))) == COMPANIES


def test_customer_records_and_mailing_list_can_be_made_to_forget(catalogue: Catalogue) -> None:
    crm, mailing = catalogue.holders["crm"], catalogue.holders["mailing_list"]
    assert (crm.kind, crm.method, crm.identifiers, crm.verification) == (
        "store",
        "order",
        ("email", "subject_id"),
        2,
    )
    assert crm.categories == ()
    assert (mailing.kind, mailing.method, mailing.verification) == ("topic", "both", 3)
    assert mailing.topic == f"holder.{catalogue.controller.name}.mailing-list"


def test_every_purpose_names_its_data_so_that_an_erasure_of_a_category_can_bind_it(
    catalogue: Catalogue,
) -> None:
    assert [key for key, purpose in catalogue.purposes.items() if not purpose.categories] == []


def test_erasing_marketing_data_stops_all_direct_marketing_and_no_contract(catalogue: Catalogue) -> None:
    using = [purpose for purpose in catalogue.purposes.values() if "marketing" in purpose.categories]
    marketing = [purpose for purpose in catalogue.purposes.values() if purpose.direct_marketing]
    assert using == marketing
    assert {purpose.basis for purpose in using} <= {Basis.CONSENT, Basis.LEGITIMATE_INTERESTS}
    told = {holder.id for holder in holders_told(catalogue, ["marketing"], is_whole=False)}
    assert {"crm", "mailing_list"} <= told


def test_invoices_are_kept_to_the_end_of_the_seventh_year_and_the_rest_is_erased(
    catalogue: Catalogue,
) -> None:
    kept = INVOICES.get(catalogue.controller.name, ("invoices",))
    found = assess(catalogue, (), {"bookkeeping": FEBRUARY}, MAY, MAY, hold_ends)
    assert tuple(sorted(held.category for held in found.held)) == kept
    assert {moment_text(held.until_ms) for held in found.held} == {"2032-12-31T22:59:59.999Z"}
    assert not found.refused and "marketing" in found.erased
    accounting = [catalogue.purposes[name] for name in catalogue.holds["bookkeeping"].purposes]
    assert [purpose.basis for purpose in accounting] == [Basis.LEGAL_OBLIGATION]


def test_a_request_about_nothing_but_invoices_is_refused(catalogue: Catalogue) -> None:
    kept = INVOICES.get(catalogue.controller.name, ("invoices",))
    assert assess(catalogue, kept, {"bookkeeping": FEBRUARY}, MAY, MAY, hold_ends).refused


def test_a_holder_that_is_a_recipient_is_one_that_purposes_name(catalogue: Catalogue) -> None:
    given = {name for purpose in catalogue.purposes.values() for name in purpose.recipients}
    assert {holder.recipient for holder in catalogue.holders.values() if holder.recipient} <= given
    assert set(catalogue.recipients) == given


def test_every_name_that_is_declared_is_used(catalogue: Catalogue) -> None:
    purposes = catalogue.purposes.values()
    for table in ("channels", "categories", "groups"):
        used = {name for purpose in purposes for name in getattr(purpose, table)}
        assert set(getattr(catalogue, table)) == used, table
    assert set(catalogue.message_classes) == {purpose.message_class for purpose in purposes}


def test_every_weighing_has_a_record_of_its_own(catalogue: Catalogue) -> None:
    records = [purpose.balancing.reference for purpose in catalogue.purposes.values() if purpose.balancing]
    assert len(records) == len(set(records))


@pytest.mark.parametrize("name", COMPANIES)
def test_a_comment_names_only_promises_that_there_are(name: str) -> None:
    text = (CATALOGUES / name / "catalogue.toml").read_text(encoding="utf-8")
    named = re.findall(r"\b(MC|KL|HO|OM|LE)-(\d+)\b", text)
    assert named
    assert [f"{of}-{number}" for of, number in named if not 1 <= int(number) <= PROMISES[of]] == []
    assert len({of for of, _ in named}) == 1, "a catalogue speaks of its own company's promises"
