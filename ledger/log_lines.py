"""Log lines: one JSON object a line on standard error, with keys from a list.

A key that is not on the list is dropped and its name reported in ``dropped_keys``, so that a personal value
cannot slip into a log by way of a new keyword. Values are cut; exceptions are logged by type and place, and
their text only when it is one of the ledger's own errors, which never carry personal values.
"""

import logging
import logging.config
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from ledger.errors import LedgerError

__all__ = ["ALLOWED_KEYS", "as_dictionary", "configure", "configure_command", "get_logger"]

ALLOWED_KEYS: Final = frozenset(
    {
        "event", "level", "timestamp", "logger", "process",
        "code", "reason", "detail", "retryable", "setting", "port", "host", "version", "signal", "exit_code",
        "controller", "log_id", "generation", "lane", "topic", "partition", "offset", "next_offset", "end_offset",
        "event_type", "event_id", "act_id", "request_id", "projection", "outcome", "owner", "owner_pid",
        "count", "rows", "records", "batch", "attempt", "claims", "seconds", "milliseconds", "staleness_ms",
        "route", "method", "status", "error_type", "error_at", "error_text", "failpoint", "secret",
        "fingerprint", "migration", "catalogue_version", "dropped_keys",
    }
)  # fmt: skip

_MAX_VALUE_CHARACTERS: Final = 500

_LIBRARY_LEVELS: Final = {
    # Each of these prints a line per connection attempt or rebalance at INFO; what matters we log ourselves.
    "aiokafka": logging.WARNING,
    "faust": logging.WARNING,
    "mode": logging.WARNING,
    # It warns of every tick of a timer that took longer than the pause between two: ours only ever work on.
    "mode.timers": logging.ERROR,
    "asyncio": logging.WARNING,
    "uvicorn.access": logging.WARNING,
}


def configure(level: str = "info", *, process: str) -> None:
    """Send all log lines of this process to standard error as JSON, the libraries' included."""
    structlog.configure(
        processors=[*_steps(process), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(as_dictionary(level, process=process))


def configure_command() -> None:
    """Send our own warnings and errors to standard error while a command runs: its standard output is for data."""
    structlog.configure(
        processors=[
            *(step for step in _steps("command") if step is not structlog.stdlib.add_logger_name),
            structlog.processors.JSONRenderer(),
        ],
        # Asked for each line: where standard error leads may change in between.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        cache_logger_on_first_use=False,
    )


def as_dictionary(level: str = "info", *, process: str) -> dict[str, Any]:
    """The same set-up in the form of ``logging.config.dictConfig``, for those who insist on calling it themselves."""
    at_least = logging.getLevelNamesMapping()[level.upper()]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": _formatter, "process": process}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "json"}
        },
        "root": {"handlers": ["stderr"], "level": at_least},
        "loggers": {name: {"level": max(own, at_least)} for name, own in _LIBRARY_LEVELS.items()},
    }


def _formatter(process: str) -> structlog.stdlib.ProcessorFormatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_steps(process),
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    )


def _steps(process: str) -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_process(process),
        _describe_exception,
        _keep_allowed,
    ]


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose keywords become keys of the line: ``get_logger(__name__).info("batch_applied", rows=3)``."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def _with_process(process: str) -> Any:
    def add(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        line["process"] = process
        return line

    return add


def _describe_exception(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    given = line.pop("exc_info", None)
    if not given:
        return line
    error = given if isinstance(given, BaseException) else (given if isinstance(given, tuple) else sys.exc_info())[1]
    if error is None:
        return line
    line["error_type"] = type(error).__qualname__
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    line["error_at"] = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    if isinstance(error, LedgerError):
        line["code"] = error.code
        line["error_text"] = error.detail
    return line


def _keep_allowed(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # Keys with an underscore belong to structlog's own formatter.
    dropped = sorted(key for key in line if key not in ALLOWED_KEYS and not key.startswith("_"))
    for key in dropped:
        del line[key]
    if dropped:
        line["dropped_keys"] = dropped
    for key, value in line.items():
        if isinstance(value, bytes):
            line[key] = value.hex()
        elif isinstance(value, str) and len(value) > _MAX_VALUE_CHARACTERS:
            line[key] = value[:_MAX_VALUE_CHARACTERS] + "…"
    return line
