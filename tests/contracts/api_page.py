"""``docs/api.md``, from the route table and the structs in it."""

import inspect
import types
import typing
from typing import Any

import msgspec

from ledger.api.routes import ROUTES, ApiRoute

__all__ = ["api_page"]

_INTRODUCTION = """# The HTTP API

Generated from `ledger/api/routes.py`. JSON in UTF-8, one object a body, at most 256 KiB. Unknown fields are refused,
with the known field that they resemble. Times are RFC 3339 with their offset from UTC; ids are hexadecimal.

**Key.** `Authorization: Bearer lk_…` (`ledger api-keys create`). A key belongs to one controller and one source, and
each route needs one of its scopes. Another controller's subject and a missing one look the same. A revoked key is
refused within five seconds.

**Errors** are `application/problem+json` (RFC 9457) with a stable `code`; [errors.md](errors.md) has them all. What is
`retryable` bears `Retry-After`.

**Acts.** One request is one act with one or several choices; noes are recorded first. A yes with a defect is refused.
A no is never refused or lost for a side reason: what offends is dropped and stands in `dropped_fields` and `reports`,
and a name that the catalogue does not declare is recorded as given and reported. The one exception is a purpose
without the syntax of an id, since dropping it would mean *everything*. When a yes is refused beside noes, the noes
are recorded, no yes is, and `refused` says why. Beside several choices the channel holds for the purposes that are
used on channels. `effective_from` may lie in the past (a letter), and for a yes at most a year ahead.

**Idempotency.** Send an `Idempotency-Key` (1 to 255 visible ASCII characters, best a random UUID) with every act, and
the same key with every retry: within seven days the same act is found again and has one effect. Times, `waited_ms` and
`seen` may differ between retries. Other content under a used key is refused for a yes (409) and recorded under a new
event id for a no, and reported.

**Evidence** of an act is sealed, acknowledged before the event, and kept in the vault alone; the event bears a salted
commitment ([recording.md](recording.md#evidence)).

**Positions.** `position` in an answer covers all that was recorded. As `at_least` of a decision it makes the answer
wait for it. As `seen` of a yes it says what the person's screen showed before the act, so that a yes made in sight of
a no stands.

**Decisions** are 200 also when the ledger cannot answer: what is unknown, stale, in doubt or unreachable is denied,
each with its own reason ([decisions.md](decisions.md)). Before the first rule come, in this order: `unavailable`,
`log_refused`, `position_unknown`, `position_not_reached`, `stale`, `quarantined`. A key without the scope `read` sees
`opted_out` for every no of a person.

**Rights requests** are written down when they are answered (202) and carried out from then on; `request_id` is their
idempotency key. [erasure.md](erasure.md) says what happens. By subject id an erased person is `erased`, by address as
unknown as any stranger.

`GET /livez`, `GET /readyz` (503 with reasons until requests can be answered) and `GET /metrics` need no key.
"""


def api_page() -> str:
    """The whole page: rules that hold for all routes, then each route with its forms."""
    rows = [
        f"| `{route.method} {route.path}` | `{route.scope.value}` | {route.summary} |\n" for route in ROUTES
    ]
    table = "| route | scope | what it does |\n| --- | --- | --- |\n" + "".join(rows)
    forms: dict[str, Any] = {}
    sections = "".join(_section(route, forms) for route in ROUTES)
    parts = "".join(_form(kind) for _, kind in sorted(forms.items()))
    return f"{_INTRODUCTION}\n## Routes\n\n{table}{sections}\n## Forms\n{parts}"


def _section(route: ApiRoute, forms: dict[str, Any]) -> str:
    lines = [f"\n### {route.method} {route.path}\n\n{route.summary}\n"]
    if route.query:
        lines.append("\nParameters: " + ", ".join(f"`{name}`" for name in route.query) + ".\n")
    for word, kind in (("Body", route.request), (f"Answer ({route.status})", route.response)):
        if kind is not None:
            lines.append(f"\n{word}: [`{kind.__name__}`](#{kind.__name__.lower()})\n")
            _collect(kind, forms)
    return "".join(lines)


def _collect(kind: Any, forms: dict[str, Any]) -> None:
    forms[kind.__name__] = kind
    for hint in typing.get_type_hints(kind).values():
        for part in _structs_in(hint):
            _collect(part, forms)


def _structs_in(hint: Any) -> list[Any]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return [hint]
    return [found for argument in typing.get_args(hint) for found in _structs_in(argument)]


def _form(kind: Any) -> str:
    hints = typing.get_type_hints(kind)
    rows = []
    for field in msgspec.structs.fields(kind):
        default = "" if field.required else f", {_json(_default(field))} if left out"
        rows.append(f"- `{field.name}`: {_words(hints[field.name])}{default}\n")
    return f"\n### {kind.__name__}\n\n{_docstring(kind)}\n\n" + "".join(rows)


def _words(hint: Any) -> str:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(_words(argument) for argument in typing.get_args(hint))
    if typing.get_origin(hint) in (list, tuple):
        return f"list of {_words(typing.get_args(hint)[0])}"
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return f"[`{hint.__name__}`](#{hint.__name__.lower()})"
    if typing.get_origin(hint) is dict:
        return "object"
    return {str: "text", int: "number", float: "number", bool: "true or false", type(None): "null"}.get(
        hint, str(hint)
    )


def _default(field: Any) -> Any:
    return field.default if field.default is not msgspec.NODEFAULT else field.default_factory()


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _docstring(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").replace("``", "`")
