"""One import from the file to the log: opened, surveyed, agreed to, run."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from ledger.domain.catalogue import Catalogue
from ledger.domain.envelope import Lane
from ledger.domain.positions import Position
from ledger.errors import Unavailable
from ledger.importing.acts import EventMaker
from ledger.importing.appending import LogWriter
from ledger.importing.checkpoint import Checkpoint, CheckpointFile
from ledger.importing.lists import ListFile, Rules, open_list
from ledger.importing.opening import Place, Services, opened
from ledger.importing.plan import Plan, make_plan
from ledger.importing.rejects import RejectsFile
from ledger.importing.running import Importer
from ledger.importing.source import Source
from ledger.importing.survey import Survey, survey
from ledger.read_model import pool
from ledger.read_model.position_watch import PositionWatch

__all__ = ["Job", "Progress", "Recorded", "Report", "carry_out"]

WAIT_SECONDS: Final = 600.0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be imported, and how. ``restart``: an import that broke off is not gone on with."""

    path: Path
    controller: str
    rules: Rules
    purpose: str | None
    channel: str | None
    notice: str | None
    tag_purposes: Mapping[str, str]
    source: str
    times_exact: bool
    state: Path
    rejects: Path
    restart: bool = False
    wait: bool = False


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What is on the log, acknowledged by all in-sync replicas. The counts are of events, earlier runs included.

    ``unsubscribes_position`` and ``position`` are tokens for ``at_least``; ``folded`` is None where nobody waited.
    """

    unsubscribes: int
    grants: int
    left_out: dict[str, int]
    unsubscribes_position: str
    position: str
    went_on_after_line: int | None
    folded: bool | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome. ``recorded`` is None where nothing was to be recorded, ``rejects`` where every line is sound."""

    controller: str
    survey: Survey
    recorded: Recorded | None
    rejects: str | None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far it is: ``stage`` is *survey*, *noes* or *yeses*; bytes of the file, and events on the log so far."""

    stage: str
    done: int
    total: int
    unsubscribes: int = 0
    grants: int = 0


async def carry_out(
    job: Job,
    services: Services,
    catalogue_of: Callable[[str], Awaitable[Catalogue]],
    *,
    agree: Callable[[Report], bool],
    on_progress: Callable[[Progress], None],
) -> Report:
    """Surveys the list and, if ``agree`` says so to what was found, records it.

    Nothing is recorded and nobody made known before that. Raises what is wrong with the file (``Rejected``,
    ``Conflict``), with the names (``Rejected``, ``NotFound``), or with the services (``Unavailable``): the same call
    then goes on where it broke off.
    """
    with Source.open(job.path) as source:
        async with opened(services, job.controller) as place:
            plan = make_plan(
                await catalogue_of(job.controller),
                now_ms=job.rules.now_ms,
                purpose=job.purpose,
                channel=job.channel,
                notice=job.notice,
                tag_purposes=job.tag_purposes,
                source=job.source,
                times_exact=job.times_exact,
            )
            list_file = open_list(source, job.rules)
            with RejectsFile(job.rejects, list_file.header) as rejects:
                found = await survey(
                    list_file,
                    plan,
                    place.people,
                    rejects,
                    lambda done: on_progress(Progress(stage="survey", done=done, total=source.size)),
                )
            report = Report(
                controller=job.controller,
                survey=found,
                recorded=None,
                rejects=str(job.rejects) if rejects.count else None,
            )
            if not agree(report):
                return report
            recorded = await _record(job, place, plan, list_file, on_progress)
    if job.wait:
        recorded = msgspec.structs.replace(recorded, folded=await _folded(services.dsn, recorded.position))
    return msgspec.structs.replace(report, recorded=recorded)


async def _record(
    job: Job, place: Place, plan: Plan, list_file: ListFile, on_progress: Callable[[Progress], None]
) -> Recorded:
    state = CheckpointFile(job.state)
    digest, size = list_file.source.digest, list_file.source.size

    def told(checkpoint: Checkpoint, done: int) -> None:
        on_progress(
            Progress(
                stage=checkpoint.at,
                done=done,
                total=size,
                unsubscribes=checkpoint.unsubscribes,
                grants=checkpoint.grants,
            )
        )

    with state.held():
        begun = state.start(
            Checkpoint(
                controller=job.controller,
                log_id=place.log.log_id.hex(),
                generation=place.log.generation,
                file_digest=digest.hex(),
                plan_digest=_digest(job, plan, list_file).hex(),
            ),
            restart=job.restart,
        )
        importer = Importer(
            list_file,
            plan,
            place.people,
            LogWriter(place.people, place.appender, place.log),
            EventMaker(plan, place.mac_key, digest),
            state,
            cache_seconds=place.cache_seconds,
        )
        done = await importer.run(begun, told)
    went_on = begun.line if (begun.line or begun.at != "noes") else None
    return Recorded(
        unsubscribes=done.unsubscribes,
        grants=done.grants,
        left_out=done.left_out,
        unsubscribes_position=done.position(Lane.LIVE).encode(),
        position=done.position(Lane.LIVE, Lane.BACKFILL).encode(),
        went_on_after_line=went_on,
        folded=None,
    )


def _digest(job: Job, plan: Plan, list_file: ListFile) -> bytes:
    """What a run that goes on must have in common with the one that broke off."""
    rules, times = job.rules, job.rules.times
    return plan.digest(
        list_file.form, list_file.columns, rules.words.named, rules.each, rules.region, str(times.zone), times.order
    )


async def _folded(dsn: str, token: str) -> bool:
    """True once everything is folded. Raises ``Unavailable(import_not_folded)`` after ten minutes."""
    position = Position.decode(token)
    connections = await pool.create_read_pool(dsn, application_name="ledger-import", schema="read_model", size=1)
    watch = PositionWatch(connections)
    try:
        targets = {entry.key: entry.next_offset for entry in position.entries}
        if not await watch.reach(targets, WAIT_SECONDS):
            raise Unavailable("import_not_folded")
        return True
    finally:
        await watch.aclose()
        connections.terminate()
