"""``/v1/rights-requests``: a person asks to be erased, and whoever answers for it sees how far that has come.

Nothing is erased here: a request is written down, durable when it is answered, and carried out by the reactions. Its
id is the idempotency key: the same id with the same content is the same request.
"""

import base64
import binascii
import secrets
from typing import Final

import msgspec

from ledger.api.calls import Call, now_ms
from ledger.api.people import SubjectForm, named
from ledger.domain.admission import FUTURE_TOLERANCE_MS
from ledger.domain.moments import moment_ms
from ledger.domain.request_terms import (
    EXTENSION_REASONS,
    IDENTITIES,
    REFUSAL_REASONS,
    checked_reason,
    require_declared,
    since_ms,
)
from ledger.domain.rights_requests import RequestState
from ledger.erasure.requests import RequestView
from ledger.errors import Rejected
from ledger.vault.directory import Controller

__all__ = [
    "ExtensionBody",
    "RefusalBody",
    "RequestsAnswer",
    "RightsRequestBody",
    "get_request",
    "get_requests",
    "post_extension",
    "post_identity",
    "post_refusal",
    "post_request",
]

PAGE_REQUESTS: Final = 50
MAX_PAGE_REQUESTS: Final = 200
REQUEST_ID_BYTES: Final = 16
MAX_TERMS: Final = 200
"""Categories or holds in one request: more than any catalogue of ours declares."""
_CURSOR: Final = msgspec.msgpack.Decoder(tuple[int, bytes])


class RightsRequestBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to be erased (GDPR art. 17(1)). ``categories`` left out: everything.

    ``request_id``: 32 hexadecimal digits, drawn by you at random, so that a retry is the same request; null draws one
    here. ``identity``: ``proven`` or ``unproven``; an unproven request freezes nobody. ``holds``: since when a hold
    of the catalogue applies to this person (the day of the last invoice), a day or RFC 3339. ``received_at``: null
    for now; the month to answer counts from it.
    """

    subject: SubjectForm
    request_id: str | None = None
    kind: str = "erasure"
    categories: list[str] = []
    identity: str = "proven"
    holds: dict[str, str] = {}
    received_at: str | None = None


class ExtensionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two further months (GDPR art. 12(3)). ``reason``: complex, many_requests or identity_unclear."""

    reason: str


class RefusalBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The request is not followed. ``reason``: not_the_person, manifestly_unfounded, excessive (GDPR art. 12),
    no_ground, freedom_of_expression, legal_obligation, public_health, archiving_or_research, legal_claims (art. 17)
    or withdrawn."""

    reason: str


class RequestsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Requests newest first; ``next_cursor`` is null at the end."""

    requests: list[RequestView]
    next_cursor: str | None


async def post_request(call: Call) -> RequestView:
    """``POST /v1/rights-requests``. 202: the request is durable, and is carried out from now on."""
    body: RightsRequestBody = call.body
    request_id = (
        secrets.token_bytes(REQUEST_ID_BYTES)
        if body.request_id is None
        else _id_in(body.request_id, "$.request_id")
    )
    _require_one_of(body.kind, ("erasure",), "$.kind")
    _require_one_of(body.identity, IDENTITIES, "$.identity")
    if max(len(body.categories), len(body.holds)) > MAX_TERMS:
        raise Rejected("field_wrong_type", f"At most {MAX_TERMS} categories and holds.", limit=MAX_TERMS)
    who = named(body.subject)
    holds = {hold: since_ms(since, "holds") for hold, since in body.holds.items()}
    received_ms = _received_ms(body.received_at)
    catalogue = await call.services.catalogues.in_force(call.caller.controller_id)
    require_declared(catalogue, body.categories, body.holds)
    return await call.services.requests.open_erasure(
        _controller(call),
        request_id=request_id,
        who=who,
        source=call.caller.source,
        categories=body.categories,
        proven=body.identity == "proven",
        holds=holds,
        received_ms=received_ms,
    )


async def get_request(call: Call) -> RequestView:
    """``GET /v1/rights-requests/{request_id}``."""
    return await call.services.requests.show(_controller(call), _id_in_path(call))


async def get_requests(call: Call) -> RequestsAnswer:
    """``GET /v1/rights-requests``, newest first, 50 a page unless ``limit`` says otherwise (at most 200)."""
    state, overdue = call.query.get("state"), call.query.get("overdue")
    if state is not None:
        _require_one_of(state, [known.value for known in RequestState], "state")
    if overdue is not None:
        _require_one_of(overdue, ("true", "false"), "overdue")
    limit = _limit_in(call.query.get("limit"))
    cursor = call.query.get("cursor")
    found = await call.services.requests.listed(
        _controller(call),
        state=state,
        overdue=None if overdue is None else overdue == "true",
        before=None if cursor is None else _place_in(cursor),
        limit=limit,
    )
    # A full page may be the last one; the next is then empty.
    return RequestsAnswer(requests=found, next_cursor=_cursor_of(found[-1]) if len(found) == limit else None)


async def post_identity(call: Call) -> RequestView:
    """``POST /v1/rights-requests/{request_id}/identity``: the asker is the person; the erasure begins."""
    return await call.services.requests.prove(_controller(call), _id_in_path(call), now_ms())


async def post_extension(call: Call) -> RequestView:
    """``POST /v1/rights-requests/{request_id}/extension``: two further months, of which the person must be told."""
    reason = checked_reason(call.body.reason, EXTENSION_REASONS)
    return await call.services.requests.extend(_controller(call), _id_in_path(call), reason, now_ms())


async def post_refusal(call: Call) -> RequestView:
    """``POST /v1/rights-requests/{request_id}/refusal``: not followed, of which the person must be told with why."""
    reason = checked_reason(call.body.reason, REFUSAL_REASONS)
    return await call.services.requests.refuse(_controller(call), _id_in_path(call), reason, now_ms())


def _controller(call: Call) -> Controller:
    return Controller(call.caller.controller_id, call.caller.controller)


def _id_in_path(call: Call) -> bytes:
    return _id_in(call.path["request_id"], "request_id")


def _id_in(text: str, path: str) -> bytes:
    if len(text) == 2 * REQUEST_ID_BYTES and text.isascii() and text.isalnum():
        try:
            return bytes.fromhex(text)
        except ValueError:
            # Not the cause: it would show a part of what was sent.
            pass
    raise Rejected("request_id_malformed", path=path)


def _require_one_of(value: str, known: tuple[str, ...] | list[str], path: str) -> None:
    if value not in known:
        raise Rejected("field_wrong_type", f"At {path}: one of {', '.join(known)}.", path=path)


def _received_ms(text: str | None) -> int:
    now = now_ms()
    received_ms = now if text is None else moment_ms(text, "received_at")
    if received_ms > now + FUTURE_TOLERANCE_MS:
        raise Rejected("time_in_future", "The request cannot have been received yet.", field="received_at")
    return received_ms


def _limit_in(text: str | None) -> int:
    if text is None:
        return PAGE_REQUESTS
    if text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= MAX_PAGE_REQUESTS and len(text) <= 3:
        return int(text)
    detail = f"limit is a number from 1 to {MAX_PAGE_REQUESTS}."
    raise Rejected("field_wrong_type", detail, field="limit", limit=MAX_PAGE_REQUESTS)


def _cursor_of(last: RequestView) -> str:
    place = (moment_ms(last.received_at, "received_at"), bytes.fromhex(last.request_id))
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).rstrip(b"=").decode("ascii")


def _place_in(cursor: str) -> tuple[int, bytes]:
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        received_ms, request_id = _CURSOR.decode(packed)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise Rejected("cursor_malformed", field="cursor") from error
    if 0 <= received_ms < 2**63 and len(request_id) == REQUEST_ID_BYTES:
        return received_ms, request_id
    raise Rejected("cursor_malformed", field="cursor")
