"""Checks of a catalogue's folder beyond the form of its tables, each finding with its line."""

import re
from typing import Any, Final

from ledger.cli.catalogue_forms import CatalogueForm
from ledger.cli.catalogue_places import Report, nearest
from ledger.domain.catalogue import Catalogue, Texts, unsound_places

__all__ = ["check_ids", "check_languages", "check_soundness"]

TITLED_TABLES: Final = ("channels", "categories", "groups")
"""Tables of id to titles; the others are arrays of tables with an ``id``, or named tables."""
NAMED_TABLES: Final = ("holders", "holds")

_ID: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_NOTICE_ID: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_UNDECLARED: Final = re.compile(r"\.([a-z_]+) names (\S+), which is not declared")
_ID_RULE: Final = "an id is made of small letters, digits, dots, dashes and underscores, 64 at most"


def check_ids(form: CatalogueForm, report: Report) -> None:
    """Ids as the log's schemas take them; anything else could never be named by an act."""
    for table in (*TITLED_TABLES, *NAMED_TABLES):
        for key in getattr(form, table):
            if not _ID.fullmatch(key):
                report.add(f"{table}.{key}: {_ID_RULE}", table, 0, key)
    for table, pattern in (
        ("message_classes", _ID),
        ("recipients", _ID),
        ("purposes", _ID),
        ("notices", _NOTICE_ID),
    ):
        entries: list[dict[str, Any]] = getattr(form, table)
        for index, entry in enumerate(entries):
            key = entry.get("id")
            if isinstance(key, str) and not pattern.fullmatch(key):
                report.add(f"{table}.{key}: {_ID_RULE}", table, index, "id")
    name = form.controller.get("name")
    if isinstance(name, str) and not _ID.fullmatch(name):
        report.add(f"controller.name {name}: {_ID_RULE}", "controller", 0, "name")


def check_languages(catalogue: Catalogue, report: Report) -> None:
    """Every title and notice in every language that the controller speaks; countries as ISO 3166 codes."""
    languages = catalogue.controller.languages
    if not languages:
        report.add("controller.languages is empty: name at least one", "controller", 0, "languages")
    for language in languages:
        if not _LANGUAGE.fullmatch(language):
            report.add(
                f"controller.languages: {language} is no language code such as sv",
                "controller",
                0,
                "languages",
            )
    for table in TITLED_TABLES:
        for key, titles in getattr(catalogue, table).items():
            _check_titles(titles, languages, f"{table}.{key}", report, (table, 0, key))
    for table, fields in (
        ("message_classes", ("title",)),
        ("recipients", ("title", "task")),
        ("purposes", ("title",)),
    ):
        for index, (key, entry) in enumerate(getattr(catalogue, table).items()):
            for field in fields:
                _check_titles(
                    getattr(entry, field), languages, f"{table}.{key}.{field}", report, (table, index, field)
                )
    for table in NAMED_TABLES:
        for key, entry in getattr(catalogue, table).items():
            place = f"{table}.{key}"
            _check_titles(entry.title, languages, f"{place}.title", report, (place, 0, "title"))
    for key, hold in catalogue.holds.items():
        if not hold.source.strip():
            report.add(f"holds.{key}.source names no rule", f"holds.{key}", 0, "source")
    for index, notice in enumerate(catalogue.notices.values()):
        for language in languages:
            if language not in notice.texts:
                report.add(f"notices.{notice.reference} has no text in {language}", "notices", index, "texts")
    for index, recipient in enumerate(catalogue.recipients.values()):
        if not _COUNTRY.fullmatch(recipient.country):
            report.add(
                f"recipients.{recipient.id}.country is no country code such as SE",
                "recipients",
                index,
                "country",
            )


def _check_titles(
    titles: Texts, languages: tuple[str, ...], place: str, report: Report, where: tuple[str, int, str]
) -> None:
    for language in languages:
        if not titles.get(language, "").strip():
            report.add(f"{place} says nothing in {language}", *where)


def check_soundness(catalogue: Catalogue, report: Report) -> None:
    """The domain's own findings, each with its line and, for a dangling name, the nearest declared one."""
    tables = {table: list(getattr(catalogue, table)) for table in ("purposes", "notices", *NAMED_TABLES)}
    for sentence in unsound_places(catalogue):
        hint = ""
        if dangling := _UNDECLARED.search(sentence):
            field, name = dangling.groups()
            hint = "." + nearest(name, getattr(catalogue, _declaring_table(field)))
        report.add(sentence + hint, *_place_of(sentence, tables))


def _declaring_table(field: str) -> str:
    return {"message_class": "message_classes", "recipient": "recipients"}.get(field, field)


def _place_of(sentence: str, tables: dict[str, list[str]]) -> tuple[str, int, str]:
    """Table, entry and field that a sentence such as ``purposes.kl.promo.channels names …`` is about.

    Ids may hold dots, so the entry is the longest id that fits.
    """
    place = sentence.partition(" ")[0]
    table, _, rest = place.partition(".")
    fitting = [key for key in tables.get(table, []) if rest == key or rest.startswith(key + ".")]
    if not fitting:
        return table, 0, ""
    entry = max(fitting, key=len)
    field = rest.removeprefix(entry).lstrip(".").partition(".")[0]
    return (
        (f"{table}.{entry}", 0, field)
        if table in NAMED_TABLES
        else (table, tables[table].index(entry), field)
    )
