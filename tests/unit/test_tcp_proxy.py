"""The proxy of the fault tests does what they rely on."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.tcp_proxy import TcpProxy


def echo(server: socket.socket) -> None:
    """Send back what arrives, one thread a connection, until the server's socket is closed."""

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(4096):
                    connection.sendall(data)
            except OSError:
                return

    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


@pytest.fixture
def echo_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=echo, args=(server,), daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def connect(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def said_back(connection: socket.socket, text: bytes) -> bytes:
    connection.sendall(text)
    return connection.recv(4096)


def test_bytes_pass_both_ways(echo_port: int) -> None:
    with TcpProxy(echo_port) as proxy, connect(proxy) as connection:
        assert said_back(connection, b"hello") == b"hello"


def test_a_cut_ends_connections_and_refuses_new_ones_until_restored(echo_port: int) -> None:
    with TcpProxy(echo_port) as proxy:
        with connect(proxy) as connection:
            assert said_back(connection, b"1") == b"1"
            proxy.cut()
            with pytest.raises(ConnectionError):
                said_back(connection, b"2")
                said_back(connection, b"3")
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
        proxy.restore()
        with connect(proxy) as connection:
            assert said_back(connection, b"4") == b"4"


def test_a_stall_lets_nothing_through_and_loses_nothing(echo_port: int) -> None:
    with TcpProxy(echo_port) as proxy, connect(proxy) as connection:
        assert said_back(connection, b"1") == b"1"
        proxy.stall()
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            said_back(connection, b"2")
        proxy.restore()
        connection.settimeout(5)
        assert connection.recv(4096) == b"2"


def test_a_service_that_is_down_looks_like_a_closed_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        closed = probe.getsockname()[1]
    with TcpProxy(closed) as proxy, connect(proxy) as connection:
        try:
            assert connection.recv(1) == b""
        except ConnectionError:
            pass


def test_a_unix_socket_can_be_the_target(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        thread = threading.Thread(target=echo, args=(server,), daemon=True)
        thread.start()
        with TcpProxy(tmp_path / "s") as proxy, connect(proxy) as connection:
            assert said_back(connection, b"hello") == b"hello"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
