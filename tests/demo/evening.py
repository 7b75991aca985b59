"""The evening: an operator settles what is in doubt, an auditor replays, exports and verifies, pages are written."""

import asyncio
import time
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from tests.demo.companies import COMPANIES, HOSTING, OMILON
from tests.demo.stage import DAY, Stage
from tests.demo.telling import Teller


class Audit(NamedTuple):
    """What replay, export and verification found. Sizes in bytes, times in seconds."""

    replay: dict[str, Any]
    replay_seconds: float
    exported: int
    export_seconds: float
    export_bytes: int
    verified: int
    verify_seconds: float
    findings: int

    @property
    def differences(self) -> int:
        return sum(self.replay["difference_count"].values())


async def settle_the_doubt(stage: Stage, erik: Teller) -> dict[str, Any]:
    """The operator looks at what is in quarantine and lays it aside; gives what there was to see."""
    listed = await asyncio.to_thread(stage.ledger, "quarantine", "list", "--controller", OMILON.name)
    (entry,) = listed["entries"]
    shown: dict[str, Any] = await asyncio.to_thread(stage.ledger, "quarantine", "show", entry["coordinates"])
    before = await erik.answer()
    await asyncio.to_thread(
        stage.ledger, "quarantine", "discard", entry["coordinates"],
        "--reason", "producer-mended", "--author", "nora",
    )  # fmt: skip
    said = "the operator finds that a broken service had sent it, and discards it: an event with author and reason"
    await erik.watch(said, "allow (consent_given)", before=before)
    return shown


async def counts_of_history(stage: Stage) -> dict[str, int]:
    """How many records the read model has of each type and outcome, as ``type outcome``."""
    connection = await asyncpg.connect(stage.dsn)
    try:
        rows = await connection.fetch(
            "select event_type, outcome, count(*) as records from read_model.history group by 1, 2"
        )
    finally:
        await connection.close()
    return {f"{row['event_type']} {row['outcome']}": row["records"] for row in rows}


def audit(stage: Stage) -> Audit:
    """Replays every log beside the running system, exports every log, and verifies the files by themselves."""
    started = time.monotonic()
    replay: dict[str, Any] = stage.ledger("audit", "replay", accept=(0, 1))
    replayed = time.monotonic()
    folders = [DAY / "export" / company.name for company in COMPANIES]
    exports = stage.ledger_each(
        [("log", "export", str(folder), "--controller", folder.name) for folder in folders]
    )
    exported = time.monotonic()
    checks = stage.ledger_each([("log", "verify", str(folder)) for folder in folders])
    verified = time.monotonic()
    return Audit(
        replay=replay,
        replay_seconds=replayed - started,
        exported=sum(export["records"] for export in exports),
        export_seconds=exported - replayed,
        export_bytes=sum(_size(folder) for folder in folders),
        verified=sum(check["records"] for check in checks),
        verify_seconds=verified - exported,
        findings=sum(check["finding_count"] for check in checks),
    )


def write_pages(stage: Stage) -> list[Path]:
    """The pages of two people, in Swedish and in English, and of one company's catalogue."""
    folder = DAY / "pages"
    folder.mkdir()
    anna, karim, company = folder / "anna.sv.html", folder / "karim.en.html", folder / "omilon.sv.html"
    for page, language, controller, who in (
        (anna, "sv", OMILON, "email:anna@example.se"),
        (karim, "en", HOSTING, "email:karim@example.se"),
    ):
        stage.ledger(
            "subject", "report", "--controller", controller.name, "--language", language, "--out", str(page),
            typed=f"{who}\n",
        )  # fmt: skip
    stage.ledger("catalogue", "report", OMILON.name, "--language", "sv", "--out", str(company))
    return [anna, karim, company]


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
