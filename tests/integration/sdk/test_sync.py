"""The sync ledger in threads, across a fork, and at the end of its process."""

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger.errors import ConfigurationError
from ledger.sdk.sync import Ledger, NotAwaited, email
from ledger.sdk.testing import InMemoryLedger
from tests.support.catalogue import small_catalogue
from tests.support.scripted_api import Answer, ScriptedApi, scripted_api

ANNA = email("anna@example.se")
SAVED = Answer(
    201, {"act_id": "ab" * 16, "position": "p1.x", "recorded": [{"act": "withdraw", "event_id": "cd" * 16}]}
)
DENIED = Answer(200, {"answers": [{"allowed": False, "reason": "withdrawn", "purpose": "newsletter"}]})


class Served:
    """A scripted API in a thread of its own, so that a test may block."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = answers
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        self._ready.wait()

    async def _serve(self) -> None:
        async with scripted_api(*self._answers) as self.api:
            self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
            self._ready.set()
            await self._over.wait()

    api: ScriptedApi

    def end(self) -> None:
        """Stops the thread."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedApi]]:
    """Starts scripted APIs and ends them with the test."""
    served: list[Served] = []

    def start(*answers: Answer) -> ScriptedApi:
        served.append(Served(*answers))
        return served[-1].api

    yield start
    for each in served:
        each.end()


def in_child(work: Callable[[], str]) -> str:
    """What ``work`` returns in a forked child."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, work().encode())
        finally:
            # The child must end here, whatever happens, and not go on as a second pytest.
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


def test_values_come_without_awaiting() -> None:
    with Ledger(lambda: InMemoryLedger(small_catalogue())) as ledger:
        saved = ledger.grant(ANNA, purpose="newsletter", channel="email", notice="signup@3")
        assert ledger.check(ANNA, purpose="newsletter", channel="email", at_least=saved)
        ledger.withdraw(ANNA, purpose="newsletter")
        assert ledger.check(ANNA, purpose="newsletter", channel="email").reason == "withdrawn"
        assert [event.type for event in ledger.history(ANNA).events] == ["ConsentGiven", "ConsentWithdrawn"]
        assert ledger.standing(ANNA).rows
    assert issubclass(NotAwaited, Exception)


def test_a_missing_setting_is_heard_when_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_URL", "http://127.0.0.1:9")
    monkeypatch.delenv("LEDGER_API_KEY", raising=False)
    with pytest.raises(ConfigurationError) as raised:
        Ledger.connect()
    assert raised.value.code == "setting_missing"


def test_settings_name_the_ledger(monkeypatch: pytest.MonkeyPatch, serve: Callable[..., ScriptedApi]) -> None:
    api = serve(DENIED)
    monkeypatch.setenv("LEDGER_URL", api.url)
    monkeypatch.setenv("LEDGER_API_KEY", "lk_from_settings")
    with Ledger.connect() as ledger:
        assert not ledger.check(ANNA, purpose="newsletter")
    assert api.received[0].headers["authorization"] == "Bearer lk_from_settings"


def test_threads_share_one_ledger(serve: Callable[..., ScriptedApi]) -> None:
    api = serve(DENIED)
    with Ledger.connect(api.url, "lk_key") as ledger, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ledger.check(ANNA, purpose="newsletter").reason, range(64)))
    assert answers == ["withdrawn"] * 64


def test_it_survives_a_fork_on_both_sides(serve: Callable[..., ScriptedApi]) -> None:
    api = serve(DENIED)
    with Ledger.connect(api.url, "lk_key") as ledger:
        assert ledger.check(ANNA, purpose="newsletter").reason == "withdrawn"
        answers = [in_child(lambda: ledger.check(ANNA, purpose="newsletter").reason) for _ in range(3)]
        assert answers == ["withdrawn"] * 3
        assert ledger.check(ANNA, purpose="newsletter").reason == "withdrawn"


def test_it_survives_a_fork_in_the_middle_of_calls_of_other_threads(
    serve: Callable[..., ScriptedApi],
) -> None:
    api = serve(DENIED)
    with Ledger.connect(api.url, "lk_key") as ledger, ThreadPoolExecutor(4) as pool:
        busy = [
            pool.submit(lambda: [bool(ledger.check(ANNA, purpose="x")) for _ in range(25)]) for _ in range(4)
        ]
        answers = [in_child(lambda: ledger.check(ANNA, purpose="newsletter").reason) for _ in range(5)]
        assert answers == ["withdrawn"] * 5
        assert [each.result() for each in busy] == [[False] * 25] * 4


def test_a_child_that_closes_leaves_the_parent_connected(serve: Callable[..., ScriptedApi]) -> None:
    api = serve(DENIED)
    with Ledger.connect(api.url, "lk_key") as ledger:
        ledger.check(ANNA, purpose="newsletter")

        def close_in_child() -> str:
            ledger.check(ANNA, purpose="newsletter")
            ledger.close()
            return "closed"

        assert in_child(close_in_child) == "closed"
        assert ledger.check(ANNA, purpose="newsletter").reason == "withdrawn"


def run_program(url: str, program: str) -> subprocess.CompletedProcess[str]:
    """A whole process of an integrator, with warnings as errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program), url],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_an_act_under_way_is_brought_to_its_end_when_the_process_ends(
    serve: Callable[..., ScriptedApi],
) -> None:
    api = serve(Answer(503, {}, {"Retry-After": "1"}), SAVED)
    program = """
        import sys, threading, time
        from ledger.sdk.sync import Ledger, email

        ledger = Ledger.connect(sys.argv[1], "lk_key")
        act = threading.Thread(target=lambda: ledger.withdraw(email("anna@example.se")), daemon=True)
        act.start()
        time.sleep(0.5)
    """
    ended = run_program(api.url, program)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(api.received) == 2


def test_a_process_that_never_closes_ends_in_silence(serve: Callable[..., ScriptedApi]) -> None:
    api = serve(DENIED)
    program = """
        import os, sys
        from ledger.sdk.sync import Ledger, email

        ledger = Ledger.connect(sys.argv[1], "lk_key")
        print(ledger.check(email("anna@example.se"), purpose="newsletter").reason, flush=True)
        child = os.fork()
        print(ledger.check(email("anna@example.se"), purpose="newsletter").reason, flush=True)
        if child:
            os.waitpid(child, 0)
    """
    ended = run_program(api.url, program)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == ["withdrawn"] * 3
