"""Requests to be erased in a ledger in memory: the steps of the real one, by the same rules, each taken at once.

There is no producer whose caches must run out and no holder that could be silent: a request is complete when the call
returns, unless the test holds it back (``faults.erasures_held``, ``faults.fold_held``). The holders of the catalogue
answer at once, as well as it demands.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from ledger.domain.carrying import CarriedNo, Match, carried_events, kept_noes
from ledger.domain.catalogue import Catalogue
from ledger.domain.deadlines import hold_ends, request_due
from ledger.domain.erasure_events import (
    ErasureAdvanced,
    ErasureRequested,
    StatedHold,
    SubjectBlocked,
    SubjectErased,
)
from ledger.domain.events import Capture, Envelope, SubjectEvent, Voice
from ledger.domain.identifiers import Identifier
from ledger.domain.request_terms import require_declared
from ledger.domain.rights_requests import (
    OPEN_STATES,
    RequestState,
    assess,
    event_id_of,
    holders_told,
    noes_to_carry,
    order_id_of,
)
from ledger.errors import Conflict, NotFound
from ledger.sdk.memory_log import MemoryLog
from ledger.sdk.memory_request import MemoryRequest
from ledger.sdk.rights_requests import ErasureTerms, HolderProgress, RequestsPage, RightsRequest

if TYPE_CHECKING:
    from ledger.sdk.testing import Faults, MovableClock

__all__ = ["MemoryErasures"]

PAGE_REQUESTS: Final = 50
_EVERYTHING: Final = ("",) * 6


class MemoryErasures:
    """Opens requests, carries them out on the log, and keeps what outlives them by identifier."""

    def __init__(
        self,
        log: MemoryLog,
        clock: "MovableClock",
        faults: "Faults",
        controller: str,
        catalogue: Callable[[], Catalogue | None],
    ) -> None:
        self._log = log
        self._clock = clock
        self._faults = faults
        self._controller = controller
        self._catalogue = catalogue
        self._requests: dict[bytes, MemoryRequest] = {}
        self._kept: dict[Identifier, Match] = {}

    def open(self, terms: ErasureTerms) -> RightsRequest:
        """The request, carried out as far as it goes; repeatable by its id."""
        require_declared(self._catalogue(), terms.categories, terms.holds)
        known = self._requests.get(terms.request_id)
        subject = self._log.lookup(terms.person)
        if subject is not None:
            self._log.require_known(subject)
        if known is not None:
            if (subject or known.subject, terms.categories, terms.holds) != (
                known.subject, known.categories, known.holds,
            ):  # fmt: skip
                raise Conflict("request_id_reused", request_id=terms.request_id.hex())
            return self.show(terms.request_id)
        if subject is None or self._log.is_destroyed(subject):
            raise NotFound("subject_unknown", "Nothing is held about this person.")
        received_ms = self._clock.now_ms() if terms.received_ms is None else terms.received_ms
        self._opened(
            MemoryRequest(
                request_id=terms.request_id,
                subject=subject,
                subjects=(subject,),
                categories=terms.categories,
                holds=terms.holds,
                proven=terms.proven,
                received_ms=received_ms,
            )
        )
        return self.show(terms.request_id)

    def prove(self, request_id: bytes) -> RightsRequest:
        self._found(request_id).proven = True
        return self.show(request_id)

    def show(self, request_id: bytes) -> RightsRequest:
        self.advance()
        return self._found(request_id).view(self._clock.now_ms())

    def listed(self, state: str | None, overdue: bool | None, cursor: str | None) -> RequestsPage:
        self.advance()
        newest_first = sorted(
            self._requests.values(), key=lambda one: (one.received_ms, one.request_id), reverse=True
        )
        views = [request.view(self._clock.now_ms()) for request in newest_first]
        found = [
            view
            for view in views
            if (state is None or view.state == state) and (overdue is None or view.overdue is overdue)
        ]
        start = int(cursor) if cursor is not None and cursor.isdigit() else 0
        after = start + PAGE_REQUESTS
        return RequestsPage(
            requests=tuple(found[start:after]), next_cursor=str(after) if after < len(found) else None
        )

    def advance(self) -> None:
        """Takes every open request as far as it goes, and resumes those whose holds have ended."""
        for request in tuple(self._requests.values()):
            self._resume(request)
        for request in self._requests.values():
            while request.state in OPEN_STATES:
                request.waits_for = self._step(request)
                if request.waits_for is not None:
                    break

    def kept(self, names: Sequence[Identifier]) -> list[Match | None]:
        """What outlived an erasure of anybody of these names."""
        return [self._kept.get(name) for name in names]

    def carry(self, subject: bytes, name: Identifier) -> None:
        """Ties what outlived an erasure to the id under which the person comes back."""
        for event in carried_events(self._controller, subject, self.kept([name])):
            self._log.append(subject, event, self._clock.now_ms())

    def _opened(self, request: MemoryRequest) -> None:
        self._requests[request.request_id] = request
        self._tell(
            request,
            "requested",
            lambda envelope: ErasureRequested(
                envelope=envelope,
                due_at=request_due(request.received_ms),
                categories=request.categories,
                holds=tuple(
                    StatedHold(hold=hold, since_ms=since_ms) for hold, since_ms in sorted(request.holds.items())
                ),
            ),
        )

    def _resume(self, request: MemoryRequest) -> None:
        """Opens the erasure of what was held, once its last hold has ended (GDPR art. 17(3) no longer applies)."""
        found, request_id = request.found, event_id_of(request.request_id, "resumed")
        is_over = (
            found is not None and found.resumes_ms is not None and found.resumes_ms <= self._clock.now_ms()
        )
        if found is None or not is_over or request.state in OPEN_STATES or request_id in self._requests:
            return
        since_ms = request.received_ms if request.holds_since_ms is None else request.holds_since_ms
        self._opened(
            MemoryRequest(
                request_id=request_id,
                subject=request.subject,
                subjects=request.subjects,
                categories=request.categories,
                holds=request.holds,
                # Counted from now, a hold that always applies would never end.
                holds_since_ms=since_ms,
                proven=True,
                received_ms=self._clock.now_ms(),
            )
        )

    def _found(self, request_id: bytes) -> MemoryRequest:
        request = self._requests.get(request_id)
        if request is None:
            raise NotFound("request_unknown", request_id=request_id.hex())
        return request

    def _step(self, request: MemoryRequest) -> str | None:
        """One step; what it waits for if it cannot be taken."""
        match request.state:
            case RequestState.REQUESTED:
                if not request.proven:
                    return "proof_of_identity"
                request.subjects = tuple(sorted(self._log.group_of(request.subject)))
                self._advanced(request, RequestState.IDENTIFIED)
            case RequestState.IDENTIFIED:
                self._assess(request)
            case RequestState.ASSESSED:
                request.subjects = tuple(sorted(self._log.group_of(request.subject)))
                if request.masked == ():
                    for subject in request.subjects:
                        self._log.block(subject)
                self._tell(
                    request,
                    "blocked",
                    lambda envelope: SubjectBlocked(envelope=envelope, categories=request.masked),
                )
                request.state = RequestState.BLOCKED
            case RequestState.BLOCKED:
                if self._faults.erasures_held:
                    return "caches_and_appends"
                if self._faults.fold_held:
                    return "fold"
                self._log.fold()
                self._advanced(request, RequestState.SETTLED)
            case RequestState.SETTLED:
                self._destroy(request)
            case RequestState.DESTROYED:
                self._advanced(request, RequestState.ORDERED)
            case _:
                request.completed_ms = self._clock.now_ms()
                self._advanced(request, RequestState.COMPLETE)
        return None

    def _assess(self, request: MemoryRequest) -> None:
        since_ms = request.received_ms if request.holds_since_ms is None else request.holds_since_ms
        request.found = assess(
            self._catalogue(), request.categories, request.holds, since_ms, self._clock.now_ms(), until_of=hold_ends
        )
        if request.found.refused:
            request.refusal, request.completed_ms = "held", self._clock.now_ms()
        state = RequestState.REFUSED if request.found.refused else RequestState.ASSESSED
        self._advanced(request, state, outcome=request.refusal, until_ms=request.found.resumes_ms)

    def _destroy(self, request: MemoryRequest) -> None:
        assert request.found is not None, "assessed before it is destroyed"
        now_ms, found = self._clock.now_ms(), request.found
        if found.is_whole:
            rows = [row for subject in request.subjects for row in self._log.rows(subject)]
            noes = kept_noes(noes_to_carry(rows))
            if not self._log.quarantined.isdisjoint(request.subjects):
                # The record in doubt may be a no that nobody can read.
                noes = (*noes, CarriedNo(b"", *_EVERYTHING, now_ms, 0))
            for name in [name for subject in request.subjects for name in self._log.destroy(subject)]:
                before = self._kept.get(name, Match((), None))
                self._kept[name] = Match((*before.noes, *noes), now_ms)
        self._tell(
            request,
            "destroyed",
            lambda envelope: SubjectErased(envelope=envelope, categories=request.masked, held=found.held),
        )
        holders = holders_told(self._catalogue(), found.erased, is_whole=found.is_whole)
        request.holders = tuple(
            HolderProgress(
                holder=holder.id,
                order_id=order_id_of(request.request_id, holder.id).hex(),
                method=holder.method,
                state="verified",
                attempts=1,
                outcome="erased",
                verification=holder.verification,
                required_verification=holder.verification,
            )
            for holder in holders
        )
        request.state = RequestState.DESTROYED

    def _advanced(
        self,
        request: MemoryRequest,
        state: RequestState,
        *,
        outcome: str | None = None,
        until_ms: int | None = None,
    ) -> None:
        self._tell(
            request,
            state.value,
            lambda envelope: ErasureAdvanced(
                envelope=envelope, step=state.value, outcome=outcome, until_ms=until_ms
            ),
        )
        request.state = state

    def _tell(self, request: MemoryRequest, step: str, event_of: Callable[[Envelope], SubjectEvent]) -> None:
        now_ms = self._clock.now_ms()
        for subject in request.subjects:
            envelope = Envelope(
                event_id=event_id_of(request.request_id, step, "", subject.hex()),
                act_id=request.request_id,
                controller=self._controller,
                source="ledger",
                voice=Voice.CONTROLLER,
                capture=Capture.SYSTEM,
                may_be_repeat=True,
                request_id=request.request_id,
            )
            self._log.append(subject, event_of(envelope), now_ms)
        request.steps.append((step, now_ms))
