"""What an integrator's service loads, and the names that it may rely on."""

import ast
import inspect
import subprocess
import sys
import textwrap

import pytest

import ledger.sdk
import ledger.sdk.sync
from ledger.sdk import compacted_topic, holder, testing

NEVER_LOADED = (
    "aiokafka",
    "asyncpg",
    "fastavro",
    "faust",
    "httpx2",
    "mode",
    "phonenumbers",
    "prometheus_client",
    "starlette",
    "structlog",
    "uvicorn",
    "ledger.read_model",
    "ledger.vault",
    "ledger.api",
)

ACTS = ("grant", "refuse", "withdraw", "unsubscribe", "save_choices", "object_to", "opt_in", "opt_out")
QUESTIONS = ("check", "check_many", "require", "standing", "history")
REQUESTS = ("request_erasure", "prove_identity", "rights_request", "rights_requests")


@pytest.mark.parametrize(
    "module",
    ["ledger.sdk", "ledger.sdk.sync", "ledger.sdk.testing", "ledger.sdk.holder", "ledger.sdk.compacted_topic"],
)
def test_importing_it_loads_nothing_of_the_server(module: str) -> None:
    program = f"import sys, {module}; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names = set(loaded.stdout.split())
    assert names.isdisjoint(NEVER_LOADED)
    assert module in names


def test_the_public_names_are_the_documented_ones_and_exist() -> None:
    assert ledger.sdk.__all__ == sorted(ledger.sdk.__all__)
    assert set(ledger.sdk.__all__) == set(ledger.sdk.sync.__all__)
    for module in (ledger.sdk, ledger.sdk.sync):
        assert all(hasattr(module, name) for name in module.__all__)


def test_the_sync_ledger_has_the_same_names_and_the_same_parameters() -> None:
    for name in (*ACTS, *QUESTIONS, *REQUESTS, "notice_served", "connect"):
        asynchronous = inspect.signature(getattr(ledger.sdk.Ledger, name))
        blocking = inspect.signature(getattr(ledger.sdk.sync.Ledger, name))
        assert asynchronous.parameters.keys() == blocking.parameters.keys(), name


def test_every_yes_takes_what_the_person_had_seen_and_no_other_act_does() -> None:
    takes = {
        name for name in ACTS if "seen" in inspect.signature(getattr(ledger.sdk.Ledger, name)).parameters
    }
    assert takes == {"grant", "save_choices", "opt_in"}


def test_everything_after_the_person_is_named_by_the_caller() -> None:
    for name in (*ACTS, "check", "require", "notice_served", "request_erasure"):
        parameters = list(inspect.signature(getattr(ledger.sdk.Ledger, name)).parameters.values())
        assert [parameter.name for parameter in parameters[:2]] == ["self", "person"]
        named = {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}
        assert {parameter.kind for parameter in parameters[2:]} <= named, name


@pytest.mark.parametrize("module", [ledger.sdk, ledger.sdk.sync, testing, holder, compacted_topic])
def test_the_examples_are_sound_python(module: object) -> None:
    text = inspect.getdoc(module) or ""
    _, _, rest = text.partition("::\n\n")
    lines = []
    for line in rest.splitlines():
        if line and not line.startswith(" "):
            break
        lines.append(line)
    example = textwrap.dedent("\n".join(lines))
    assert example.strip()
    ast.parse(textwrap.dedent("async def example():\n" + textwrap.indent(example, "    ")))
