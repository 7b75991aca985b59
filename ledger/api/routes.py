"""The one table of routes. It drives routing, scopes, limits, the documentation and the tests of them all."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from ledger.api.acts import ActsAnswer, ActsBody
from ledger.api.bodies import MAX_BODY_BYTES
from ledger.api.calls import Call
from ledger.api.catalogues import CatalogueAnswer, get_catalogue
from ledger.api.decisions import DecisionsAnswer, DecisionsBody, post_decisions
from ledger.api.intake import post_acts
from ledger.api.keys import ScopeName
from ledger.api.linking import LinkAnswer, LinkBody, post_link
from ledger.api.logs import LogAnswer, get_log
from ledger.api.rights_requests import (
    ExtensionBody,
    RefusalBody,
    RequestsAnswer,
    RightsRequestBody,
    get_request,
    get_requests,
    post_extension,
    post_identity,
    post_refusal,
    post_request,
)
from ledger.api.subjects import (
    HistoryAnswer,
    ResolvedAnswer,
    StandingAnswer,
    SubjectAnswer,
    SubjectBody,
    get_history,
    get_standing,
    post_lookup,
    post_resolve,
)
from ledger.erasure.requests import RequestView

__all__ = ["ROUTES", "ApiRoute", "Handler"]

Handler = Callable[[Call], Awaitable[msgspec.Struct]]


class ApiRoute(msgspec.Struct, frozen=True, kw_only=True):
    """One route. ``request`` is the form of its body (None: it takes none).

    ``read_raw``: the handler reads the body itself, since there a defect need not refuse the request.
    """

    method: str
    path: str
    scope: ScopeName
    summary: str
    handler: Handler
    response: type[msgspec.Struct]
    request: type[msgspec.Struct] | None = None
    read_raw: bool = False
    status: int = 200
    query: tuple[str, ...] = ()
    max_body_bytes: int = MAX_BODY_BYTES


ROUTES: Final[tuple[ApiRoute, ...]] = (
    ApiRoute(
        method="POST",
        path="/v1/acts",
        scope=ScopeName.RECORD,
        summary="Record an act of a person: grant, refuse, withdraw, object, opt in or out, unsubscribe.",
        handler=post_acts,
        request=ActsBody,
        read_raw=True,
        response=ActsAnswer,
        status=201,
    ),
    ApiRoute(
        method="POST",
        path="/v1/decisions",
        scope=ScopeName.ASK,
        summary="Ask whether something may be done with people's data.",
        handler=post_decisions,
        request=DecisionsBody,
        response=DecisionsAnswer,
    ),
    ApiRoute(
        method="POST",
        path="/v1/subjects/lookup",
        scope=ScopeName.ASK,
        summary="Find the subject id of a person; never makes one.",
        handler=post_lookup,
        request=SubjectBody,
        response=SubjectAnswer,
    ),
    ApiRoute(
        method="POST",
        path="/v1/subjects/resolve",
        scope=ScopeName.RECORD,
        summary="Find the subject id of a person, or make one.",
        handler=post_resolve,
        request=SubjectBody,
        response=ResolvedAnswer,
    ),
    ApiRoute(
        method="POST",
        path="/v1/subjects/link",
        scope=ScopeName.RECORD,
        summary="Join two names that a verified act proved to be one person's.",
        handler=post_link,
        request=LinkBody,
        response=LinkAnswer,
    ),
    ApiRoute(
        method="GET",
        path="/v1/subjects/{subject_id}/standing",
        scope=ScopeName.READ,
        summary="What currently holds for a person.",
        handler=get_standing,
        response=StandingAnswer,
    ),
    ApiRoute(
        method="GET",
        path="/v1/subjects/{subject_id}/history",
        scope=ScopeName.READ,
        summary="Every record about a person, oldest first.",
        handler=get_history,
        response=HistoryAnswer,
        query=("cursor",),
    ),
    ApiRoute(
        method="POST",
        path="/v1/rights-requests",
        scope=ScopeName.REQUESTS,
        summary="Open a person's request to be erased.",
        handler=post_request,
        request=RightsRequestBody,
        response=RequestView,
        status=202,
    ),
    ApiRoute(
        method="GET",
        path="/v1/rights-requests",
        scope=ScopeName.REQUESTS,
        summary="The rights requests, newest first.",
        handler=get_requests,
        response=RequestsAnswer,
        query=("state", "overdue", "cursor", "limit"),
    ),
    ApiRoute(
        method="GET",
        path="/v1/rights-requests/{request_id}",
        scope=ScopeName.REQUESTS,
        summary="How far a rights request has come.",
        handler=get_request,
        response=RequestView,
    ),
    ApiRoute(
        method="POST",
        path="/v1/rights-requests/{request_id}/identity",
        scope=ScopeName.REQUESTS,
        summary="Say that the asker has proved to be the person: an unproven request begins.",
        handler=post_identity,
        response=RequestView,
    ),
    ApiRoute(
        method="POST",
        path="/v1/rights-requests/{request_id}/extension",
        scope=ScopeName.REQUESTS,
        summary="Take two further months to answer a request, once.",
        handler=post_extension,
        request=ExtensionBody,
        response=RequestView,
    ),
    ApiRoute(
        method="POST",
        path="/v1/rights-requests/{request_id}/refusal",
        scope=ScopeName.REQUESTS,
        summary="Refuse a request, as long as nothing was blocked.",
        handler=post_refusal,
        request=RefusalBody,
        response=RequestView,
    ),
    ApiRoute(
        method="GET",
        path="/v1/catalogue",
        scope=ScopeName.ASK,
        summary="The catalogue in force.",
        handler=get_catalogue,
        response=CatalogueAnswer,
    ),
    ApiRoute(
        method="GET",
        path="/v1/log",
        scope=ScopeName.RECORD,
        summary="The log that acts go to, for direct producers.",
        handler=get_log,
        response=LogAnswer,
    ),
)
