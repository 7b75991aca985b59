"""A holder that is a compacted Kafka topic, keyed by subject id: makes it forget, and proves that nothing is readable.

::

    from ledger.sdk.compacted_topic import CompactedTopicHolder
    from ledger.sdk.holder import Holder

    holder = Holder.from_files(controller="klingit", name="mailing", keys="holder-keys.json",
                               ledger_key="ledger-order-key.pub", bootstrap="kafka:9092", at_once=100)
    topic = CompactedTopicHolder("kafka:9092", "holder.klingit.mailing")
    holder.erases(topic.forget)
    await holder.run()

Keys are the 16 bytes of the subject id, partitioned by murmur2 (Kafka's own rule). Your consumers must pass over the
roller key: 16 zero bytes, always without a value. How soon a value is gone is the topic's ``segment.ms`` and
``max.compaction.lag.ms``; with Kafka's defaults that is a week and never, so set both.
"""

import asyncio
import os
from pathlib import Path
from typing import Any, Final

import msgspec

from ledger.domain.events import GENESIS_KEY
from ledger.errors import ConfigurationError, Unavailable
from ledger.sdk.holder_answers import Erased, NothingHeld, PersonToErase

__all__ = ["CompactedTopicHolder"]

WAIT_SECONDS: Final = 60.0
SHORTEST_ROUND_SECONDS: Final = 0.5
LONGEST_ROUND_SECONDS: Final = 10.0


class _Waiting:
    """One person whose values are being waited out, those from before ``before_ms`` if that is not None.

    ``seen``: keys that the topic knew, None before the first scan.
    """

    def __init__(self, keys: frozenset[bytes], before_ms: int | None, give_up_at: float) -> None:
        self.keys = keys
        self.before_ms = before_ms
        self.give_up_at = give_up_at
        self.seen: frozenset[bytes] | None = None
        self.answer: asyncio.Future[Erased | NothingHeld] = asyncio.get_running_loop().create_future()


class CompactedTopicHolder:
    """The topic ``name``. One scan serves all who wait, so give the holder ``at_once`` of as many as may come."""

    def __init__(
        self,
        bootstrap: str,
        name: str,
        *,
        wait_s: float = WAIT_SECONDS,
        roller_key: bytes = GENESIS_KEY,
        evidence_folder: Path | str | None = None,
    ) -> None:
        """``wait_s``: how long one try waits for the cleaner. ``evidence_folder``: where to keep, per order, which
        offsets were read and found clean; without it no evidence is claimed."""
        self._bootstrap = bootstrap
        self._name = name
        self._wait_s = wait_s
        self._roller_key = roller_key
        self._evidence_folder = None if evidence_folder is None else Path(evidence_folder)
        self._waiting: list[_Waiting] = []
        # Of those who were given up on: by their next try the topic may know them no more.
        self._seen: dict[frozenset[bytes], frozenset[bytes]] = {}
        self._rounds: asyncio.Task[None] | None = None

    async def forget(self, person: PersonToErase) -> Erased | NothingHeld:
        """Returns when a scan of the whole topic finds no value under the person's subject ids; ``found`` counts ids.

        Raises ``Unavailable(topic_not_clean)`` with ``found`` and ``left`` when the cleaner has not come in time: the
        holder tries again, and each try moves it on. Also ``ConfigurationError(topic_not_compacted)``,
        ``NotFound(topic_unknown)``, ``Rejected(topic_key_unusable)``.
        """
        from ledger.event_log.compacted_topic import checked_keys

        keys = frozenset(checked_keys(subject_id.value for subject_id in person.subject_ids))
        # Who is erased in part may come to the topic again: what was written after the order is not the order's.
        before_ms = person.issued_at if person.categories else None
        waiting = _Waiting(keys, before_ms, asyncio.get_running_loop().time() + self._wait_s)
        self._waiting.append(waiting)
        if self._rounds is None:
            self._begin_rounds()
        answer = await waiting.answer
        evidence = self._kept_evidence(person, answer.evidence)
        return msgspec.structs.replace(answer, evidence=evidence)

    def _begin_rounds(self) -> None:
        self._rounds = asyncio.create_task(self._run_rounds())
        self._rounds.add_done_callback(self._end_rounds)

    def _end_rounds(self, ended: asyncio.Task[None]) -> None:
        self._rounds = None
        # Whoever came while the last round was closing its connections.
        if self._waiting and not ended.cancelled():
            self._begin_rounds()

    async def _run_rounds(self) -> None:
        """Rounds of scan, tombstones and rollers, as long as anybody waits."""
        from ledger.event_log.compacted_topic import CompactedTopic

        try:
            async with CompactedTopic.open(self._bootstrap, self._name, roller_key=self._roller_key) as topic:
                pause = min(max(topic.segment_s, SHORTEST_ROUND_SECONDS), LONGEST_ROUND_SECONDS)
                while self._waiting:
                    await self._round(topic)
                    # Also after the last answer: this one lets the tombstones themselves go, some time.
                    await topic.roll()
                    if self._waiting:
                        await asyncio.sleep(pause)
        except asyncio.CancelledError:
            self._fail_all(Unavailable("log_unavailable", topic=self._name))
            raise
        except Exception as error:  # noqa: BLE001 - told to whoever waits, and there is nobody else to tell
            self._fail_all(error)

    async def _round(self, topic: Any) -> None:
        present = tuple(self._waiting)
        scan = await topic.scan(frozenset().union(*(one.keys for one in present)))
        evidence = _evidence(self._name, scan.read)
        now = asyncio.get_running_loop().time()
        for one in present:
            if one.seen is None:
                before = self._seen.pop(one.keys, frozenset())
                one.seen = before | one.keys & (scan.values.keys() | scan.tombstones)
            left = scan.left(one.keys, one.before_ms)
            if not left:
                found = len(one.seen)
                self._settle(
                    one, Erased(found=found, evidence=evidence) if found else NothingHeld(evidence=evidence)
                )
            elif now >= one.give_up_at:
                self._seen[one.keys] = one.seen
                self._settle(one, Unavailable("topic_not_clean", found=len(one.seen), left=len(left)))
        due = (scan.due(one.keys, one.before_ms) for one in present)
        await topic.tombstone(frozenset().union(*due))

    def _settle(self, one: _Waiting, answer: Erased | NothingHeld | Exception) -> None:
        self._waiting.remove(one)
        if one.answer.done():
            # Whoever asked has gone.
            return
        if isinstance(answer, Exception):
            one.answer.set_exception(answer)
        else:
            one.answer.set_result(answer)

    def _fail_all(self, error: Exception) -> None:
        for one in tuple(self._waiting):
            self._settle(one, error)

    def _kept_evidence(self, person: PersonToErase, evidence: bytes | None) -> bytes | None:
        if self._evidence_folder is None or evidence is None:
            return None
        path = self._evidence_folder / f"{person.order_id.hex()}.json"
        try:
            with path.open("wb") as file:
                file.write(evidence)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            detail = f"The evidence cannot be kept in {path.parent}: {error.strerror}."
            raise ConfigurationError("setting_invalid", detail) from error
        return evidence


def _evidence(topic: str, read: tuple[tuple[int, int, int], ...]) -> bytes:
    document = {
        "topic": topic,
        "read": [{"partition": number, "first": first, "end": end} for number, first, end in read],
        "values_left": 0,
    }
    return msgspec.json.encode(document, order="sorted")
