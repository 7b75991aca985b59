"""A catalogue's folder (``catalogue.toml`` and its notices) as one sound :class:`Catalogue`.

The folder's form is described in ``docs/catalogue.md``. Everything wrong is collected, each with file, line where
known and the nearest known name, so that an author mends the folder in one go. What makes a catalogue sound is
ruled by :mod:`ledger.domain.catalogue`; here are only the rules of the files.
"""

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from ledger.cli.catalogue_checks import check_ids, check_languages, check_soundness
from ledger.cli.catalogue_forms import CatalogueForm, NoticeForm, PurposeForm, read_form
from ledger.cli.catalogue_places import CATALOGUE_FILE, CatalogueFolderInvalid, Places, Report
from ledger.domain.catalogue import (
    MAX_DOCUMENT_BYTES,
    Catalogue,
    Controller,
    Hold,
    Holder,
    MessageClass,
    Notice,
    NoticeText,
    Recipient,
    canonical_document,
    parse_document,
)

__all__ = ["CatalogueFolderInvalid", "load_catalogue"]

MAX_NOTICE_BYTES: Final = 64 * 1024
NOTICES_FOLDER: Final = "notices"

_TOML_LINE: Final = re.compile(r"(.*) \(at line (\d+), column \d+\)", re.DOTALL)

EntryT = TypeVar("EntryT", bound=msgspec.Struct)


def load_catalogue(folder: Path) -> Catalogue:
    """The catalogue in ``folder``, sound and within the ledger's bounds.

    Raises :class:`CatalogueFolderInvalid` with every finding; ``Rejected(catalogue_too_large)`` when the whole,
    notices included, is larger than one event can hold.
    """
    report = Report()
    text = _read(folder, CATALOGUE_FILE, MAX_DOCUMENT_BYTES, report)
    report.stop_if_any()
    tree = _parse(text, report)
    report.places = Places(text)
    form = read_form(tree, CatalogueForm, report)
    report.stop_if_any()
    assert form is not None, "a form without findings"
    catalogue = _build(folder, form, report)
    check_languages(catalogue, report)
    check_soundness(catalogue, report)
    _check_loose_files(folder, form, report)
    report.stop_if_any()
    return parse_document(canonical_document(catalogue))


def _read(folder: Path, name: str, limit: int, report: Report) -> str:
    """The text of a file within the folder, or '' with a finding."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        report.add_file(name, None, "lies outside the catalogue's folder")
        return ""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        report.add_file(name, None, f"cannot be read: {error.strerror or type(error).__name__}")
        return ""
    if len(data) > limit:
        report.add_file(name, None, f"is larger than {limit} bytes")
        return ""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        report.add_file(name, data.count(b"\n", 0, error.start) + 1, "is not UTF-8 text")
        return ""


def _parse(text: str, report: Report) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        matched = _TOML_LINE.fullmatch(str(error))
        what, line = (matched[1], int(matched[2])) if matched else (str(error), None)
        report.add_file(CATALOGUE_FILE, line, f"is no TOML: {what}")
    except RecursionError:
        report.add_file(CATALOGUE_FILE, None, "is no TOML: nested too deeply")
    raise CatalogueFolderInvalid(report.findings)


def _build(folder: Path, form: CatalogueForm, report: Report) -> Catalogue:
    controller = read_form(form.controller, Controller, report, "controller")
    check_ids(form, report)
    classes = _entries(form.message_classes, MessageClass, "message_classes", report)
    recipients = _entries(form.recipients, Recipient, "recipients", report)
    purposes = _entries(form.purposes, PurposeForm, "purposes", report)
    notices = _notices(folder, form, report)
    holders = _named_entries(form.holders, Holder, "holders", report)
    holds = _named_entries(form.holds, Hold, "holds", report)
    report.stop_if_any()
    assert controller is not None, "a controller without findings"
    return Catalogue(
        format=form.format,
        version=form.version,
        controller=controller,
        channels=form.channels,
        categories=form.categories,
        groups=form.groups,
        message_classes=classes,
        recipients=recipients,
        purposes={key: purpose.as_purpose() for key, purpose in purposes.items()},
        notices=notices,
        holders=holders,
        holds=holds,
    )


def _entries(
    trees: list[dict[str, Any]], form: type[EntryT], table: str, report: Report
) -> dict[str, EntryT]:
    """The entries of an array of tables by id, in the file's order."""
    found: dict[str, EntryT] = {}
    for index, tree in enumerate(trees):
        entry = read_form(tree, form, report, table, index)
        key = tree.get("id")
        if entry is None or not isinstance(key, str):
            continue
        if key in found:
            report.add(f"{table}.{key} stands twice", table, index, "id")
        found.setdefault(key, entry)
    return found


def _named_entries(
    trees: dict[str, dict[str, Any]], form: type[EntryT], table: str, report: Report
) -> dict[str, EntryT]:
    """The entries of tables that carry their id in their name, as ``[holders.crm]``, in the file's order."""
    found: dict[str, EntryT] = {}
    for key, tree in trees.items():
        place = f"{table}.{key}"
        if "id" in tree:
            report.add(f"{place}.id: the id stands in the table's name already", place, 0, "id")
        entry = read_form(tree | {"id": key}, form, report, place)
        if entry is not None:
            found[key] = entry
    return found


def _notices(folder: Path, form: CatalogueForm, report: Report) -> dict[str, Notice]:
    notices: dict[str, Notice] = {}
    for index, tree in enumerate(form.notices):
        entry = read_form(tree, NoticeForm, report, "notices", index)
        if entry is None:
            continue
        if entry.reference in notices:
            report.add(f"notices.{entry.reference} stands twice", "notices", index, "id")
        texts = {
            language: _notice_text(folder, file, f"notices.{entry.reference}.texts.{language}", index, report)
            for language, file in entry.texts.items()
        }
        notices.setdefault(entry.reference, entry.as_notice(texts))
    return notices


def _notice_text(folder: Path, file: str, place: str, index: int, report: Report) -> NoticeText:
    """The exact text with its content hash: what was shown must be provable to the byte."""
    text = ""
    if not (folder / file).is_file():
        report.add(f"{place}: there is no file {file}", "notices", index, "texts")
    else:
        found = len(report.findings)
        text = _read(folder, file, MAX_NOTICE_BYTES, report)
        if not text.strip() and len(report.findings) == found:
            report.add_file(file, None, "holds no text")
    return NoticeText(sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)


def _check_loose_files(folder: Path, form: CatalogueForm, report: Report) -> None:
    """A text that nothing names was most likely meant to be shown."""
    named = {str(Path(file)) for tree in form.notices for file in tree["texts"].values()}
    for path in sorted((folder / NOTICES_FOLDER).glob("*.md")):
        name = str(path.relative_to(folder))
        if name not in named:
            report.add_file(name, None, f"is named by no notice in {CATALOGUE_FILE}")
