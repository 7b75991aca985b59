"""Every error of the ledger has one JSON shape over HTTP, and nothing foreign gets out."""

import msgspec
import pytest

from ledger.api.bodies import convert, object_of
from ledger.api.problems import PROBLEM_TYPE, Problem, problem_response
from ledger.api.routes import ROUTES, ApiRoute
from ledger.errors import ERROR_CODES, LedgerError, Rejected, Unavailable


@pytest.mark.parametrize("code", sorted(ERROR_CODES))
def test_every_code_makes_a_problem_of_the_same_shape(code: str) -> None:
    status, body, headers = problem_response(LedgerError(code))
    problem = msgspec.json.decode(body, type=Problem)
    entry = ERROR_CODES[code]
    assert (problem.code, problem.status, problem.retryable) == (code, status, entry.retryable)
    assert problem.type == f"https://consent-ledger.invalid/errors/{code}"
    assert problem.title == entry.meaning
    assert problem.what_to_do == entry.what_to_do
    assert (b"content-type", PROBLEM_TYPE.encode()) in headers
    assert (b"retry-after" in dict(headers)) is entry.retryable


def test_context_that_is_not_meant_for_callers_stays_inside() -> None:
    error = Unavailable("postgres_unavailable", cause="ConnectionRefusedError", topic="ledger.x.events")
    _, body, _ = problem_response(error)
    assert b"ConnectionRefused" not in body
    assert b"ledger.x.events" not in body


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.request], ids=lambda route: f"{route.method} {route.path}"
)
def test_every_body_names_the_known_field_that_an_unknown_one_resembles(route: ApiRoute) -> None:
    assert route.request is not None
    for field in route.request.__struct_fields__:
        with pytest.raises(Rejected) as refused:
            convert({field + "x": None}, route.request)
        assert refused.value.code == "field_unknown"
        assert refused.value.context["nearest"] == field


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.request], ids=lambda route: f"{route.method} {route.path}"
)
def test_every_body_answers_a_wrong_type_with_its_place(route: ApiRoute) -> None:
    assert route.request is not None
    for field in route.request.__struct_fields__:
        with pytest.raises(Rejected) as refused:
            convert({field: {"unexpected": object()}}, route.request)
        assert str(refused.value.context["path"]).startswith(f"$.{field}")


@pytest.mark.parametrize("name", ["anna@example.se", "19811218-9876", "Å", "x" * 5000, "a` - at `$.anna"])
def test_the_name_of_an_unknown_field_is_shown_only_when_it_is_an_id(name: str) -> None:
    with pytest.raises(Rejected) as refused:
        convert({name: 1}, ROUTES[1].request or Problem)
    assert name not in refused.value.detail
    assert refused.value.context["field"] == "unknown"


def test_a_value_that_is_not_allowed_is_not_repeated() -> None:
    class Form(msgspec.Struct):
        kind: msgspec.Raw | None = None

    with pytest.raises(Rejected) as refused:
        object_of(b'"anna@example.se"')
    assert "anna" not in refused.value.detail
    assert convert({}, Form).kind is None


def test_routes_are_one_for_each_method_and_path_and_each_has_a_scope() -> None:
    keys = [(route.method, route.path) for route in ROUTES]
    assert len(set(keys)) == len(keys)
    assert all(route.summary.endswith(".") and route.scope for route in ROUTES)
