"""A catalogue's folder: the shipped ones are sound, and every mistake is told once, with its place."""

import hashlib
import re
import shutil
from pathlib import Path

import pytest

from ledger.cli.catalogue_files import CatalogueFolderInvalid, load_catalogue
from ledger.domain.catalogue import MAX_DOCUMENT_BYTES, Basis, canonical_document, parse_document

CATALOGUES = Path(__file__).parents[3] / "deploy" / "catalogues"
COMPANIES = ["hosting", "klingit", "leetcom", "milkingcloud", "omilon"]
ID_RULE = "an id is made of small letters, digits, dots, dashes and underscores, 64 at most"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clean catalogue that a test may spoil."""
    target = tmp_path / "klingit"
    shutil.copytree(CATALOGUES / "klingit", target)
    return target


def spoil(folder: Path, old: str, new: str) -> int:
    """Replaces the first ``old`` in the file by ``new``; the line at which the change begins."""
    path = folder / "catalogue.toml"
    text = path.read_text(encoding="utf-8")
    start = text.index(old)
    path.write_text(text[:start] + new + text[start + len(old) :], encoding="utf-8")
    return text.count("\n", 0, start) + 1


def findings(folder: Path) -> list[str]:
    with pytest.raises(CatalogueFolderInvalid) as raised:
        load_catalogue(folder)
    assert raised.value.code == "catalogue_folder_invalid"
    return [str(finding) for finding in raised.value.findings]


@pytest.mark.parametrize("name", COMPANIES)
def test_a_shipped_catalogue_is_sound_and_says_everything_in_both_languages(name: str) -> None:
    catalogue = load_catalogue(CATALOGUES / name)
    assert catalogue.controller.name == name
    assert catalogue.controller.languages == ("sv", "en")
    assert len(catalogue.purposes) >= 8
    assert {purpose.basis for purpose in catalogue.purposes.values()} - {Basis.VITAL_INTERESTS} == {
        Basis.CONSENT,
        Basis.LEGITIMATE_INTERESTS,
        Basis.CONTRACT,
        Basis.LEGAL_OBLIGATION,
    }
    assert parse_document(canonical_document(catalogue)) == catalogue


@pytest.mark.parametrize("name", COMPANIES)
def test_every_purpose_of_a_shipped_catalogue_that_a_person_can_decline_is_explained_by_a_notice(
    name: str,
) -> None:
    catalogue = load_catalogue(CATALOGUES / name)
    explained = {purpose for notice in catalogue.notices.values() for purpose in notice.purposes}
    declinable = {key for key, purpose in catalogue.purposes.items() if catalogue.is_declinable(purpose)}
    assert declinable <= explained


@pytest.mark.parametrize("seed", COMPANIES)
def test_a_shipped_catalogue_names_no_reachable_address(seed: str) -> None:
    document = canonical_document(load_catalogue(CATALOGUES / seed))
    words = document.replace('"', " ").split()
    assert [word for word in words if "@" in word and not word.endswith(".invalid") and "." in word] == []


def test_the_example_in_the_documentation_is_sound(tmp_path: Path) -> None:
    page = (CATALOGUES.parents[1] / "docs" / "catalogue.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "catalogue.toml").write_text(example, encoding="utf-8")
    (tmp_path / "notices").mkdir()
    for language in ("sv", "en"):
        (tmp_path / "notices" / f"signup@1.{language}.md").write_text("Nyhetsbrev\n", encoding="utf-8")
    catalogue = load_catalogue(tmp_path)
    assert (set(catalogue.holders), set(catalogue.holds)) == ({"crm", "mailing_list"}, {"bookkeeping"})


def test_the_content_hash_covers_the_exact_bytes_of_the_text() -> None:
    catalogue = load_catalogue(CATALOGUES / "omilon")
    text = catalogue.notices["activities@2"].texts["sv"]
    file = CATALOGUES / "omilon" / "notices" / "activities@2.sv.md"
    assert text.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_review_date_holds_to_the_end_of_its_day(folder: Path) -> None:
    spoil(folder, "review_due = 2039-12-31", "review_due = 1970-01-01")
    balancing = load_catalogue(folder).purposes["kl.agency"].balancing
    assert balancing is not None and balancing.review_due_ms == 24 * 3600 * 1000


MISTAKES = [
    (
        'basis = "contract"',
        'bais = "contract"',
        [
            "unknown field bais in purposes.kl.account. Did you mean basis?",
            "purposes.kl.account: the field basis is missing",
        ],
    ),
    (
        'message_class = "service"',
        'message_class = "servise"',
        ["purposes.kl.account.message_class names servise, which is not declared. Did you mean service?"],
    ),
    (
        'channels = ["email", "web"]',
        'channels = ["email", "webb"]',
        ["purposes.kl.account.channels names webb, which is not declared. Did you mean web?"],
    ),
    (
        'recipients = ["storage"]',
        'recipients = ["zzz"]',
        ["purposes.kl.deliver.recipients names zzz, which is not declared."],
    ),
    (
        'groups = ["marketing"]',
        'groups = ["marketting"]',
        ["purposes.kl.promo.groups names marketting, which is not declared. Did you mean marketing?"],
    ),
    (
        'purposes = ["kl.promo", "kl.analysis"]',
        'purposes = ["kl.promo", "kl.analys"]',
        ["notices.signup@1.purposes names kl.analys, which is not declared. Did you mean kl.analysis?"],
    ),
    (
        'basis = "legal_obligation"',
        'basis = "legal"',
        ["purposes.kl.legal.basis: Invalid enum value 'legal'"],
    ),
    ('id = "kl.deliver"', 'id = "kl.account"', ["purposes.kl.account stands twice"]),
    ('id = "kl.deliver"', 'id = "Kl Deliver"', [f"purposes.Kl Deliver: {ID_RULE}"]),
    ('id = "kl.deliver"', "id = 7", ["purposes.7.id: Expected str, got int"]),
    ('name = "klingit"', 'name = "Klingit AB"', [f"controller.name Klingit AB: {ID_RULE}"]),
    (
        "contact = ",
        "kontact = ",
        [
            "unknown field kontact in controller. Did you mean contact?",
            "controller: the field contact is missing",
        ],
    ),
    (
        'title = { sv = "Leverera det du beställt", en = "Deliver what you ordered" }',
        'title = { sv = "Leverera" }',
        ["purposes.kl.deliver.title says nothing in en"],
    ),
    (
        'phone = { sv = "Telefon", en = "Phone" }',
        'phone = { sv = "Telefon", en = " " }',
        ["channels.phone says nothing in en"],
    ),
    ('country = "GB"', 'country = "England"', ["recipients.sopro.country is no country code such as SE"]),
    (
        'balancing = { reference = "KL-BAL-2", review_due = 2039-12-31 }',
        "",
        ["purposes.kl.improve rests on legitimate interests without a balancing record"],
    ),
    (
        "review_due = 2039-12-31",
        'review_due = "soon"',
        ["purposes.kl.agency.balancing.review_due: Invalid RFC3339 encoded date"],
    ),
    (
        "effective_from = 2026-01-01T00:00:00Z",
        "effective_from = 2026-01-01T00:00:00",
        ["notices.registration.effective_from: Expected datetime with a timezone component"],
    ),
    (
        "effective_from = 2026-06-01T00:00:00Z",
        "effective_from = 2026-06-01T00:00:00Z\neffective_until = 2026-05-01T00:00:00Z",
        ["notices.signup@2 ends before it begins"],
    ),
    (
        'notices/cookies@1.en.md"',
        'notices/kakor@1.en.md"',
        ["notices.cookies@1.texts.en: there is no file notices/kakor@1.en.md"],
    ),
    ("deadline_days = 7", "", ["holders.crm: the field deadline_days is missing"]),
    ("deadline_days = 7", "deadline_days = 31", ["holders.crm.deadline_days is 31, not 1 to 30"]),
    (
        "deadline_days = 7",
        "deadline_day = 7",
        [
            "unknown field deadline_day in holders.crm. Did you mean deadline_days?",
            "holders.crm: the field deadline_days is missing",
        ],
    ),
    ("[holders.crm]", '[holders."C R M"]', [f"holders.C R M: {ID_RULE}"]),
    (
        "[holders.crm]",
        '[holders.crm]\nid = "crm"',
        ["holders.crm.id: the id stands in the table's name already"],
    ),
    ('kind = "store"', 'kind = "shop"', ["holders.crm.kind: Invalid enum value 'shop'"]),
    ('kind = "store"', 'kind = "recipient"', ["holders.crm is a recipient, but does not name it"]),
    (
        'identifiers = ["email", "subject_id"]',
        'identifiers = ["address"]',
        ["holders.crm.identifiers[0]: Invalid enum value 'address'"],
    ),
    (
        'identifiers = ["email", "subject_id"]',
        "identifiers = []",
        ["holders.crm does not say by what a person is found there"],
    ),
    (
        'recipient = "sopro"',
        'recipient = "sopra"',
        ["holders.sopro.recipient names sopra, which is not declared. Did you mean sopro?"],
    ),
    (
        'topic = "holder.klingit.mailing-list"',
        'topic = "ledger.klingit.events"',
        ["holders.mailing_list.topic is no topic name, or one of the ledger's own"],
    ),
    (
        'topic = "holder.klingit.mailing-list"',
        "",
        [
            "holders.mailing_list is a topic, but does not name it",
            "holders.mailing_list is to get tombstones, but names no topic",
            "holders.mailing_list.verification asks for a scan, but it names no topic to scan",
        ],
    ),
    (
        'categories = ["payment", "invoices"]',
        'categories = ["payments"]',
        ["holds.bookkeeping.categories names payments, which is not declared. Did you mean payment?"],
    ),
    (
        'purposes = ["kl.legal"]',
        'purposes = ["kl.lega"]',
        ["holds.bookkeeping.purposes names kl.lega, which is not declared. Did you mean kl.legal?"],
    ),
    ("years = 7\nuntil_year_end = true", "", ["holds.bookkeeping has no end"]),
    ("years = 7", "years = 101", ["holds.bookkeeping keeps for longer than 100 years"]),
    (
        "until_year_end = true",
        'until_year_end = "yes"',
        ["holds.bookkeeping.until_year_end: Expected bool, got str"],
    ),
    ('applies = "stated"', 'applies = "never"', ["holds.bookkeeping.applies: Invalid enum value 'never'"]),
    (
        'source = "Bokföringslagen (1999:1078) 7 kap. 2 §"',
        'source = " "',
        ["holds.bookkeeping.source names no rule"],
    ),
    (
        'title = { sv = "Kundregistret", en = "The customer records" }',
        'title = { sv = "Kundregistret" }',
        ["holders.crm.title says nothing in en"],
    ),
    ("version = 2     #", "version = 0     #", ["version: Expected int >= 1"]),
    ("format = 1", "format = 2", ["format is 2, this version reads 1"]),
]


@pytest.mark.parametrize(
    ("old", "new", "expected"), MISTAKES, ids=[new[:40] or old[:40] for old, new, _ in MISTAKES]
)
def test_one_mistake_gives_exactly_its_findings_and_its_line(
    folder: Path, old: str, new: str, expected: list[str]
) -> None:
    line = spoil(folder, old, new)
    found = findings(folder)
    assert [finding.split(": ", 1)[1] for finding in found] == expected
    near = [int(finding.split(":")[1]) for finding in found if finding.split(":")[1].isdigit()]
    assert near and abs(near[0] - line) <= 10


def test_the_line_is_the_mistakes_own_when_the_key_stands_there(folder: Path) -> None:
    line = spoil(folder, 'message_class = "insight"', 'message_class = "insigt"')
    told = "purposes.kl.improve.message_class names insigt, which is not declared. Did you mean insight?"
    assert findings(folder) == [f"catalogue.toml:{line}: {told}"]


def test_a_holders_line_is_its_own_and_not_that_of_another_table(folder: Path) -> None:
    line = spoil(folder, "verification = 3", "verification = 9")
    assert findings(folder) == [f"catalogue.toml:{line}: holders.mailing_list.verification is 9, not 0 to 3"]


def test_holders_as_an_array_are_told_to_be_tables(folder: Path) -> None:
    spoil(folder, "[holds.bookkeeping]", "[[holds]]")
    assert [finding.split(": ", 1)[1] for finding in findings(folder)] == [
        "holds: Expected object, got array"
    ]


def test_all_mistakes_of_one_stage_are_told_at_once(folder: Path) -> None:
    spoil(folder, 'channels = ["email", "web"]', 'channels = ["e-mail"]')
    spoil(folder, 'country = "GB"', 'country = "gb"')
    assert len(findings(folder)) == 2


def test_broken_toml_names_its_line(folder: Path) -> None:
    line = spoil(folder, "[channels]", "[channels")
    assert findings(folder) == [
        f"catalogue.toml:{line}: is no TOML: Expected ']' at the end of a table declaration"
    ]


def test_a_key_that_stands_twice_in_a_table_is_no_toml(folder: Path) -> None:
    spoil(folder, "phone = {", 'phone = { sv = "x" }\nphone = {')
    assert "is no TOML: Cannot overwrite a value" in findings(folder)[0]


def test_a_text_that_no_notice_names_is_told(folder: Path) -> None:
    (folder / "notices" / "extra@1.sv.md").write_text("Glömd.\n", encoding="utf-8")
    assert findings(folder) == ["notices/extra@1.sv.md: is named by no notice in catalogue.toml"]


def test_a_missing_language_of_a_notice_is_told(folder: Path) -> None:
    spoil(folder, ', en = "notices/cookies@1.en.md" }', " }")
    (folder / "notices" / "cookies@1.en.md").unlink()
    assert [finding.split(": ", 1)[1] for finding in findings(folder)] == [
        "notices.cookies@1 has no text in en"
    ]


def test_an_empty_text_is_told(folder: Path) -> None:
    (folder / "notices" / "cookies@1.en.md").write_text("\n \n", encoding="utf-8")
    assert findings(folder) == ["notices/cookies@1.en.md: holds no text"]


def test_a_text_that_is_not_utf_8_names_its_line(folder: Path) -> None:
    (folder / "notices" / "cookies@1.sv.md").write_bytes(b"# Kakor\n\nf\xf6r\n")
    assert findings(folder) == ["notices/cookies@1.sv.md:3: is not UTF-8 text"]


def test_a_text_outside_the_folder_is_refused(folder: Path) -> None:
    (folder.parent / "secret.md").write_text("geheim\n", encoding="utf-8")
    spoil(folder, "notices/cookies@1.sv.md", "../secret.md")
    assert "../secret.md: lies outside the catalogue's folder" in findings(folder)


def test_a_link_out_of_the_folder_is_refused(folder: Path) -> None:
    (folder.parent / "secret.md").write_text("geheim\n", encoding="utf-8")
    text = folder / "notices" / "cookies@1.sv.md"
    text.unlink()
    text.symlink_to(folder.parent / "secret.md")
    assert findings(folder) == ["notices/cookies@1.sv.md: lies outside the catalogue's folder"]


def test_a_text_over_the_limit_is_refused_without_reading_it_whole(folder: Path) -> None:
    (folder / "notices" / "cookies@1.sv.md").write_text("x" * (64 * 1024 + 1), encoding="utf-8")
    assert findings(folder) == ["notices/cookies@1.sv.md: is larger than 65536 bytes"]


def test_a_file_over_the_limit_is_refused(folder: Path) -> None:
    with (folder / "catalogue.toml").open("a", encoding="utf-8") as file:
        file.write("#" + "x" * MAX_DOCUMENT_BYTES)
    assert findings(folder) == [f"catalogue.toml: is larger than {MAX_DOCUMENT_BYTES} bytes"]


def test_a_folder_without_a_catalogue_is_told(tmp_path: Path) -> None:
    assert findings(tmp_path) == ["catalogue.toml: cannot be read: No such file or directory"]


def test_deep_nesting_is_refused_and_crashes_nothing(folder: Path) -> None:
    (folder / "catalogue.toml").write_text("x = " + "[" * 20_000 + "]" * 20_000, encoding="utf-8")
    assert findings(folder) == ["catalogue.toml: is no TOML: nested too deeply"]
