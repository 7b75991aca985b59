"""Publishing on the real stack: what is published reaches every decision point, and only as the rules allow."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ledger.cli.catalogue import publish_catalogue
from ledger.domain.events import Lane
from ledger.errors import Conflict
from ledger.event_log.catalogue_log import published_versions
from ledger.event_log.scanning import bounds_of
from ledger.event_log.topics import topic_name
from tests.integration.audit.conftest import Company, Outcome

Ledger = Callable[..., Awaitable[Outcome]]
OMILON = Path(__file__).parents[3] / "deploy" / "catalogues" / "omilon"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Omilon's catalogue, for a test to change."""
    target = tmp_path / "omilon"
    shutil.copytree(OMILON, target)
    return target


def change(folder: Path, old: str, new: str) -> None:
    path = folder / "catalogue.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


async def end_of_topic(company: Company) -> int:
    _, end = await bounds_of(company.live.stack.bootstrap, topic_name(company.name, Lane.CATALOGUE), 0)
    return end


async def publish(ledger: Ledger, company: Company, folder: Path, *more: str) -> Outcome:
    return await ledger("catalogue", "publish", str(folder), "--controller", company.name, *more)


async def in_read_model(company: Company) -> list[int]:
    await company.folded()
    rows = await company.database.fetch(
        "select version from read_model.catalogue where controller_id = $1 order by version",
        await company.controller_id(),
    )
    return [row["version"] for row in rows]


async def test_a_published_version_stands_on_the_log_and_reaches_the_read_model(
    company: Company, ledger: Ledger
) -> None:
    assert await in_read_model(company) == [2]
    shown = (await ledger("catalogue", "show", company.name, "--json")).document
    assert shown["in_force"] == 2
    assert shown["catalogue"]["purposes"]["om.newsletter"]["basis"] == "consent"
    page = (await ledger("catalogue", "show", company.name)).out
    assert page.startswith("* version 2  from 20")
    assert "  om.newsletter        consent               promotion         email\n" in page


async def test_the_same_content_again_writes_nothing(company: Company, ledger: Ledger) -> None:
    before = await end_of_topic(company)
    outcome = await publish(ledger, company, OMILON, "--json")
    assert outcome.code == 0
    assert outcome.document["already_published"] and not outcome.document["published"]
    assert await end_of_topic(company) == before


async def test_the_same_version_with_other_content_is_refused(
    company: Company, ledger: Ledger, folder: Path
) -> None:
    change(folder, 'channels = ["email", "phone", "post"]', 'channels = ["email"]')
    before = await end_of_topic(company)
    outcome = await publish(ledger, company, folder)
    assert outcome.code == 2 and "catalogue_version_taken" in outcome.err
    assert await end_of_topic(company) == before


async def test_a_dry_run_tells_the_changes_and_publishes_nothing(
    company: Company, ledger: Ledger, folder: Path
) -> None:
    change(folder, "version = 2     #", "version = 3     #")
    change(folder, 'channels = ["email"]', 'channels = ["email", "post"]')
    before = await end_of_topic(company)
    outcome = await publish(ledger, company, folder, "--dry-run")
    assert outcome.code == 0
    assert "would take effect from" in outcome.out and "(widens)" in outcome.out
    assert await end_of_topic(company) == before


async def test_a_version_that_only_tightens_is_in_force_at_once(
    company: Company, ledger: Ledger, folder: Path
) -> None:
    change(folder, "version = 2     #", "version = 3     #")
    change(folder, 'channels = ["email", "phone"]\ncategories = ["contact", "demographic"]',
           'channels = ["phone"]\ncategories = ["contact", "demographic"]')  # fmt: skip
    outcome = await publish(ledger, company, folder)
    assert outcome.code == 0 and "(widens)" not in outcome.out
    assert await in_read_model(company) == [2, 3]
    assert (await ledger("catalogue", "show", company.name, "--json")).document["in_force"] == 3


async def test_a_version_that_widens_is_not_in_force_before_the_staleness_bound(
    company: Company, ledger: Ledger, folder: Path
) -> None:
    change(folder, "version = 2     #", "version = 3     #")
    change(folder, 'basis = "consent"', 'basis = "contract"')
    assert (await publish(ledger, company, folder)).code == 0
    shown = (await ledger("catalogue", "show", company.name, "--json")).document
    assert [version["version"] for version in shown["versions"]] == [2, 3]
    assert shown["in_force"] == 2


async def test_a_catalogue_with_long_texts_is_published_and_folded(
    company: Company, ledger: Ledger, folder: Path
) -> None:
    change(folder, "version = 2     #", "version = 3     #")
    for number in range(2, 8):
        change(folder, "[[notices]]", _long_notice(folder, number))
    assert (await publish(ledger, company, folder)).code == 0
    assert await in_read_model(company) == [2, 3]
    length = "select length(document) from read_model.catalogue where controller_id = $1 and version = 3"
    assert await company.database.fetchval(length, await company.controller_id()) > 350_000


def _long_notice(folder: Path, number: int) -> str:
    for language in ("sv", "en"):
        (folder / "notices" / f"long@{number}.{language}.md").write_text("Ord. " * 6_000, encoding="utf-8")
    return (
        f'[[notices]]\nid = "long"\nversion = {number}\neffective_from = 2026-01-01T00:00:00Z\npurposes = []\n'
        f'texts = {{ sv = "notices/long@{number}.sv.md", en = "notices/long@{number}.en.md" }}\n\n[[notices]]'
    )


async def test_a_past_dated_version_is_refused(company: Company, ledger: Ledger, folder: Path) -> None:
    change(folder, "version = 2     #", "version = 3     #")
    outcome = await publish(ledger, company, folder, "--effective-from", "2026-01-01T00:00:00Z")
    assert outcome.code == 2 and "catalogue_past_dated" in outcome.err
    outcome = await publish(ledger, company, folder, "--effective-from", "soon")
    assert outcome.code == 2 and "time_malformed" in outcome.err


async def test_of_two_publishers_at_once_one_wins_and_the_other_is_told(
    company: Company, tmp_path: Path
) -> None:
    folders = []
    for name in ("a", "b"):
        folder = tmp_path / name
        shutil.copytree(OMILON, folder)
        change(folder, "version = 2     #", "version = 3     #")
        change(folder, 'title = "Omilon AB"', f'title = "Omilon {name}"')
        folders.append(folder)
    outcomes = await asyncio.gather(
        *(
            publish_catalogue(company.name, folder, bootstrap=company.live.stack.bootstrap)
            for folder in folders
        ),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert len(refused) == 1
    assert isinstance(refused[0], Conflict) and refused[0].code == "catalogue_version_taken"
    (winner,) = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    versions = await published_versions(company.live.stack.bootstrap, company.name)
    assert versions[-1].digest == winner.digest
    assert await in_read_model(company) == [2, 3]


async def test_a_controller_without_a_log_is_told(ledger: Ledger) -> None:
    outcome = await ledger("catalogue", "publish", str(OMILON), "--controller", "nobody-here")
    assert outcome.code == 3 and "log_not_ready" in outcome.err


async def test_lint_tells_every_finding_with_its_place_and_exits_1(ledger: Ledger, folder: Path) -> None:
    change(folder, 'message_class = "service"', 'message_class = "servise"')
    outcome = await ledger("catalogue", "lint", str(folder), "--json")
    assert outcome.code == 1 and not outcome.document["sound"]
    (finding,) = outcome.document["findings"]
    assert finding["file"] == "catalogue.toml" and finding["line"] > 1
    assert (await ledger("catalogue", "lint", str(folder))).out.startswith("catalogue.toml:")
    assert (await ledger("catalogue", "lint", str(OMILON))).code == 0
