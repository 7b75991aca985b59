"""The pages load nothing, run nothing, escape everything, read aloud well, and say in both languages what holds."""

import base64
import hashlib
import html
import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from ledger.audit.pages.catalogue_page import catalogue_page
from ledger.audit.pages.markup import Markup, element, joined
from ledger.audit.pages.subject_page import SubjectReport, subject_page
from ledger.audit.pages.words import WORDS, Language
from ledger.cli.catalogue_files import load_catalogue
from ledger.domain.events import ConsentGiven, Scope
from ledger.domain.identifiers import email
from tests.support.reports import LIFE, OMILON, PARTIAL, T0, WHOLE, envelope, report_of, request_view

COMPANIES = ("hosting", "klingit", "leetcom", "milkingcloud", "omilon")
CATALOGUES = Path(__file__).parents[3] / "deploy" / "catalogues"
LANGUAGES: tuple[Language, ...] = ("sv", "en")
VOID = {"meta", "br", "hr"}
NASTY = "<script>alert('x')</script> & \"y\""


def partly_erased() -> SubjectReport:
    return report_of(*LIFE, *PARTIAL, requests=(request_view(),))


def pages() -> dict[str, str]:
    """Every kind of page in both languages."""
    unknown = SubjectReport(controller="omilon", state="unknown", made_ms=T0)
    complete = (request_view(state="complete"),)
    erased = report_of(*LIFE, *WHOLE, state="erased", state_since_ms=T0, requests=complete)
    found = {}
    for language in LANGUAGES:
        for name, report in (("partly", partly_erased()), ("unknown", unknown), ("erased", erased)):
            found[f"{name}-{language}"] = subject_page(report, language)
        for company in COMPANIES:
            catalogue = load_catalogue(CATALOGUES / company)
            found[f"{company}-{language}"] = catalogue_page(catalogue, language, made_ms=T0)
    return found


PAGES = pages()


class Read(HTMLParser):
    """What a page is made of: tags with their attributes, and whether every one is closed where it should be."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
def test_a_page_loads_nothing_and_runs_nothing(page: str) -> None:
    read = Read(page)
    assert {tag for tag, _ in read.tags}.isdisjoint(
        {"script", "img", "link", "iframe", "object", "form", "base"}
    )
    attributes = {name for _, found in read.tags for name in found}
    assert attributes.isdisjoint({"src", "style", "srcset", "action"})
    assert not any(name.startswith("on") for name in attributes)
    assert all(link["href"].startswith("#") for link in read.of("a"))
    assert re.findall(r"https?:|//|url\(|@import", re.sub(r"'sha256-[^']*'", "", page)) == []
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policies = [meta["content"] for meta in read.of("meta") if meta.get("http-equiv")]
    assert policies == [f"default-src 'none'; style-src 'sha256-{digest}'"]


@pytest.mark.parametrize(("name", "page"), PAGES.items(), ids=PAGES.keys())
def test_a_page_reads_well_without_being_seen(name: str, page: str) -> None:
    read = Read(page)
    assert read.of("html") == [{"lang": name.rpartition("-")[2]}]
    assert len(read.of("h1")) == len(read.of("main")) == len(read.of("title")) == 1
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))
    assert all(head.get("scope") in ("col", "row") for head in read.of("th"))
    assert len(read.of("caption")) == len(read.of("table"))
    ids = [found["id"] for _, found in read.tags if "id" in found]
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in read.of("a")} <= set(ids)


def test_text_is_escaped_wherever_it_comes_from() -> None:
    titles = {"sv": NASTY, "en": NASTY}
    catalogue = msgspec.structs.replace(
        OMILON,
        controller=msgspec.structs.replace(OMILON.controller, title=NASTY, contact=NASTY),
        channels=dict.fromkeys(OMILON.channels, titles),
        purposes={key: msgspec.structs.replace(each, title=titles) for key, each in OMILON.purposes.items()},
        holders={key: msgspec.structs.replace(each, title=titles) for key, each in OMILON.holders.items()},
        holds={key: msgspec.structs.replace(each, source=NASTY) for key, each in OMILON.holds.items()},
    )
    report = msgspec.structs.replace(
        partly_erased(),
        catalogue=catalogue,
        requests=(request_view(refusal=NASTY),),
        identifiers=(email("o&b@example.se"),),
    )
    for page in (subject_page(report, "sv"), catalogue_page(catalogue, "en", made_ms=T0)):
        assert "script" not in {tag for tag, _ in Read(page).tags}
        assert "o&b" not in page and NASTY not in page
        assert NASTY in Read(page).text


def test_only_what_was_made_as_markup_is_markup() -> None:
    assert element("p", "<i>", element("b", "&"), None) == "<p>&lt;i&gt;<b>&amp;</b></p>"
    link = element("a", "x", href='"><script>', class_="y", title=None)
    assert link == '<a href="&quot;&gt;&lt;script&gt;" class="y">x</a>'
    assert isinstance(joined(("a", "b")), Markup)
    assert not isinstance(f"{element('b')}", Markup)


def test_the_page_tells_what_may_be_done_since_when_and_by_which_text() -> None:
    text = Read(subject_page(report_of(*LIFE), "en")).text
    allowed, _, denied = text.partition("Not allowed")
    assert "NewsletterE-mailconsent2026-09-21 16:13The person has consented. activities@2" in allowed
    assert "SurveysE-mailconsent2026-09-21 16:13The person has withdrawn consent." in denied
    assert "You leave as easily as you joined." in text
    assert OMILON.notices["activities@1"].texts["en"].sha256 in text
    withdrew = "The person withdrew consent to “Surveys” through “E-mail”."
    assert f"{withdrew} (by letter; takes effect 2026-09-21 17:13)" in text


def test_a_recipient_is_listed_only_while_it_may_be_given_data() -> None:
    grant = ConsentGiven(
        envelope=envelope(9),
        scope=Scope(purpose="om.newsletter", channel="email", recipient="mailing"),
        notice="activities@2",
    )
    listed = Read(subject_page(report_of(grant), "en")).text
    assert "The mailing housePrints and sends letters and newslettersSE" in listed
    nobody = Read(subject_page(report_of(*LIFE[3:4]), "en")).text
    assert "Nobody outside Omilon AB, going by the person's choices." in nobody


def test_a_request_tells_who_was_told_what_each_answered_and_what_is_kept() -> None:
    text = Read(subject_page(partly_erased(), "en")).text
    assert "Request to be erased, 2026-09-22 waiting for answers overdue" in text
    assert "Invoices and paymentsBookkeepingBokföringslagen (1999:1078) 7 kap. 2 §2033-12-31" in text
    assert "The customer records2026-09-22 12:002026-09-22 13:00erasedit answers with evidence" in text
    assert "overdueit was told (asked for: we look, and find nothing)" in text
    assert "The customer records answered that it is done." in text


def test_an_erased_id_and_a_stranger_get_no_list_of_what_is_allowed() -> None:
    assert "Personen raderades 2026-09-21." in PAGES["erased-sv"]
    assert "holds nothing about this person" in PAGES["unknown-en"]
    for name in ("erased-sv", "unknown-sv"):
        assert WORDS["sv"]["allowed"] not in PAGES[name]


def test_the_person_is_named_only_when_that_is_asked_for() -> None:
    subject_id = bytes([17]) * 16
    named = msgspec.structs.replace(
        partly_erased(), identifiers=(email("anna@example.se"),), subject_id=subject_id
    )
    page = subject_page(named, "en")
    assert "anna@example.se" in page and subject_id.hex() in page
    for language in LANGUAGES:
        kept_back = PAGES[f"partly-{language}"]
        assert "@example.se" not in kept_back and subject_id.hex() not in kept_back


def test_a_text_that_no_catalogue_holds_any_more_is_told_to_be_missing() -> None:
    page = subject_page(report_of(*LIFE, notices={}), "en")
    assert "activities@2 is in none of the published catalogues." in page


def test_the_page_of_a_company_tells_purposes_by_ground_holders_and_holds() -> None:
    text = Read(PAGES["milkingcloud-en"]).text
    assert (
        text.index("With consent") < text.index("After weighing interests") < text.index("For the contract")
    )
    assert "Weighed in MC-BAL-1, to be renewed by 2039-12-31" in text
    assert "The registry of the top domainan outside partyParticulars of the domain holder" in text
    assert "7 years, at the end of that yearthose for whom it is stated" in text
    assert text.count("**Google Analytics**, which counts visits") == 1


@pytest.mark.parametrize("name", COMPANIES)
def test_a_page_in_one_language_has_the_titles_of_that_language_alone(name: str) -> None:
    catalogue = load_catalogue(CATALOGUES / name)
    for language, other in (("sv", "en"), ("en", "sv")):
        found = re.findall(r'<th scope="row">(?:<div>)?([^<]+)<', PAGES[f"{name}-{language}"])
        cells = set(map(html.unescape, found))
        titles = {purpose.title[language] for purpose in catalogue.purposes.values()}
        foreign = {purpose.title[other] for purpose in catalogue.purposes.values()} - titles
        assert titles <= cells and foreign.isdisjoint(cells)
