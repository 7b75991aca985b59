"""Log lines are JSON with listed keys, and a personal value cannot slip in by way of a new key or an exception."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from ledger import log_lines
from ledger.errors import Unavailable


@pytest.fixture(autouse=True)
def _root_logger_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == "", "standard output is for data"
    return [json.loads(line) for line in captured.err.splitlines()]


def test_a_line_is_one_json_object_with_process_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    log_lines.configure(process="fold")
    log_lines.get_logger("ledger.x").info("batch_applied", rows=3, offset=7)
    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "batch_applied", "level": "info", "logger": "ledger.x", "process": "fold", "rows": 3, "offset": 7,
    }  # fmt: skip


def test_a_command_keeps_its_standard_output_for_data(capsys: pytest.CaptureFixture[str]) -> None:
    log_lines.configure_command()
    log_lines.get_logger("ledger.x").info("batch_applied", rows=3)
    log_lines.get_logger("ledger.x").warning("log_not_followed", code="log_truncated", address="anna@example.se")
    (line,) = lines(capsys)
    assert (line["event"], line["code"], line["dropped_keys"]) == ("log_not_followed", "log_truncated", ["address"])


def test_a_key_that_is_not_listed_is_dropped_and_only_named(capsys: pytest.CaptureFixture[str]) -> None:
    log_lines.configure(process="api")
    log_lines.get_logger("x").info("resolved", address="anna@example.se", rows=1)
    (line,) = lines(capsys)
    assert line["dropped_keys"] == ["address"]
    assert "anna" not in json.dumps(line)


def test_a_foreign_exception_is_told_by_type_and_place_and_not_by_its_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log_lines.configure(process="api")
    try:
        raise ValueError("anna@example.se is not valid")
    except ValueError:
        log_lines.get_logger("x").exception("request_failed")
    (line,) = lines(capsys)
    assert line["error_type"] == "ValueError"
    assert "test_log_lines.py" in line["error_at"]
    assert "anna" not in json.dumps(line)


def test_an_error_of_ours_is_told_with_code_and_text(capsys: pytest.CaptureFixture[str]) -> None:
    log_lines.configure(process="api")
    try:
        raise Unavailable("log_unavailable", "No acknowledgement in 60 s.")
    except Unavailable:
        log_lines.get_logger("x").exception("append_failed")
    (line,) = lines(capsys)
    assert (line["code"], line["error_text"]) == ("log_unavailable", "No acknowledgement in 60 s.")


def test_a_library_speaks_in_the_same_form_from_its_warnings_on(capsys: pytest.CaptureFixture[str]) -> None:
    log_lines.configure(process="fold")
    logging.getLogger("aiokafka.consumer").info("chatter")
    logging.getLogger("aiokafka.consumer").warning("no %s", "leader")
    (line,) = lines(capsys)
    assert (line["event"], line["logger"], line["level"]) == ("no leader", "aiokafka.consumer", "warning")


def test_bytes_are_hex_and_long_values_are_cut(capsys: pytest.CaptureFixture[str]) -> None:
    log_lines.configure(process="fold")
    log_lines.get_logger("x").info("seen", log_id=b"\x01\xff", detail="y" * 2_000)
    (line,) = lines(capsys)
    assert line["log_id"] == "01ff"
    assert len(line["detail"]) == 501
