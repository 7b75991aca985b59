"""Kafka and Postgres of a local stack: started, found, killed, moved and restarted without losing anything."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from ledger.cli.dev.processes import Program, find
from ledger.cli.dev.stack import DevStack
from ledger.errors import ConfigurationError
from tests.support.services import fresh_state
from tests.support.tcp_proxy import TcpProxy

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def state() -> Iterator[Path]:
    with fresh_state() as folder:
        yield folder


def pids(stack: DevStack) -> dict[str, int]:
    programs: list[Program] = [stack.kafka.program(), stack.postgres.program()]
    return {program.name: running.pid for program in programs if (running := find(program)) is not None}


async def write_to_both(stack: DevStack, text: str) -> None:
    connection = await asyncpg.connect(stack.postgres.dsn)
    await connection.execute("create table if not exists kept (text text)")
    await connection.execute("insert into kept values ($1)", text)
    await connection.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka.bootstrap)
    await admin.start()
    if "kept" not in await admin.list_topics():
        await admin.create_topics([NewTopic("kept", 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka.bootstrap, acks="all") as producer:
        await producer.send_and_wait("kept", text.encode())


async def read_from_both(stack: DevStack, count: int) -> tuple[list[str], list[str]]:
    connection = await asyncpg.connect(stack.postgres.dsn)
    rows = [row["text"] for row in await connection.fetch("select text from kept order by text")]
    await connection.close()
    consumer = AIOKafkaConsumer("kept", bootstrap_servers=stack.kafka.bootstrap, auto_offset_reset="earliest")
    async with consumer:
        records = [(await consumer.getone()).value.decode() for _ in range(count)]
    return rows, records


async def test_both_keep_their_data_over_stop_start_and_kill_of_everything(state: Path) -> None:
    stack = DevStack(state=state, quick=True)
    await asyncio.to_thread(stack.up_services)
    await write_to_both(stack, "1 before the stop")
    first = pids(stack)
    assert set(first) == {"kafka", "postgres"}

    await asyncio.to_thread(stack.up_services)
    assert pids(stack) == first, "a second start leaves alone what runs"
    assert sorted(stack.down()) == ["kafka", "postgres"]
    assert pids(stack) == {}
    assert stack.down() == []

    await asyncio.to_thread(stack.up_services)
    await write_to_both(stack, "2 before the kill")
    for pid in pids(stack).values():
        os.kill(pid, signal.SIGKILL)
    while pids(stack):
        await asyncio.sleep(0.01)

    await asyncio.to_thread(stack.up_services)
    wanted = ["1 before the stop", "2 before the kill"]
    assert await read_from_both(stack, 2) == (wanted, wanted)


async def test_two_stacks_side_by_side_share_nothing(state: Path) -> None:
    with fresh_state() as other_state:
        one, other = DevStack(state=state, quick=True), DevStack(state=other_state, quick=True)
        await asyncio.to_thread(one.up_services)
        await asyncio.to_thread(other.up_services)
        await write_to_both(one, "one")
        await write_to_both(other, "other")
        one.down()
        assert await read_from_both(other, 1) == (["other"], ["other"])
        assert one.kafka.bootstrap != other.kafka.bootstrap


def test_a_port_that_somebody_else_has_taken_meanwhile_is_given_up(state: Path) -> None:
    stack = DevStack(state=state, quick=True)
    stack.up_services()
    before = int(stack.kafka.bootstrap.rpartition(":")[2])
    stack.down()
    with socket.create_server(("127.0.0.1", before)):
        stack.up_services()
        assert int(stack.kafka.bootstrap.rpartition(":")[2]) != before
        assert stack.kafka.is_running()
    assert f"LEDGER_KAFKA_BOOTSTRAP={stack.kafka.bootstrap}\n" in (state / "env").read_text()


def test_an_up_that_was_killed_half_way_is_mended_by_the_next(state: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from ledger.cli.dev.stack import DevStack\n"
        f"DevStack(state=Path({str(state)!r}), quick=True).up_services()\n"
    )
    stack = DevStack(state=state, quick=True)
    for seconds in (0.3, 0.7, 1.1, 1.6):
        starter = subprocess.Popen([sys.executable, "-c", code])
        time.sleep(seconds)
        starter.kill()
        starter.wait()
    stack.up_services()
    assert set(pids(stack)) == {"kafka", "postgres"}
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    brokers = [words for words in commands if "kafka.Kafka" in words and str(state) in words[-1]]
    servers = [words for words in commands if "-D" in words and str(state / "postgres" / "data") in words]
    assert (len(brokers), len(servers)) == (1, 1), "no second one was left behind"


def test_a_machine_without_java_starts_nothing_and_says_what_to_install(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (state / "empty").mkdir()
    monkeypatch.setenv("PATH", str(state / "empty"))
    with pytest.raises(ConfigurationError, match="openjdk-17-jre-headless"):
        DevStack(state=state, quick=True).up_services()
    assert pids(DevStack(state=state)) == {}


def test_a_folder_too_deep_for_a_socket_still_gets_a_database(state: Path) -> None:
    deep = state / ("d" * 60) / ("e" * 60)
    stack = DevStack(state=deep, quick=True)
    try:
        stack.up_services()
        assert stack.postgres.is_running()
        assert len(str(stack.postgres.socket)) < 104
    finally:
        stack.down()
        stack.postgres.socket.parent.rmdir()


async def test_clients_of_the_detour_stay_on_the_proxy_after_metadata(stack: Any) -> None:
    proxy, bootstrap = stack.kafka_proxy()
    try:
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, request_timeout_ms=2_000, retry_backoff_ms=50
        )
        admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic("detour", 1, 1)])
        await admin.close()
        async with producer:
            await producer.send_and_wait("detour", b"through")
            proxy.cut()
            sending = await producer.send("detour", b"later")
            await_until = time.monotonic() + 1
            while time.monotonic() < await_until:
                assert not sending.done(), "the broker was reached beside the proxy"
                await asyncio.sleep(0.05)
            proxy.restore()
            assert (await sending).offset == 1
    finally:
        proxy.close()


async def test_postgres_can_be_cut_off_by_a_proxy(stack: Any) -> None:
    proxy, dsn = stack.postgres_proxy()
    assert isinstance(proxy, TcpProxy)
    try:
        connection = await asyncpg.connect(dsn)
        assert await connection.fetchval("select 1") == 1
        proxy.cut()
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)):
            await connection.fetchval("select 1")
        connection.terminate()
    finally:
        proxy.close()
