"""Java and Maven: found, checked, and if missing said so in plain words with the way to install them."""

import re
import shutil
import subprocess
from typing import Final

from ledger.errors import ConfigurationError

__all__ = ["OLDEST_JAVA", "find_java", "find_maven"]

OLDEST_JAVA: Final = 17
"""Kafka 4.x servers need Java 17 (kafka.apache.org, compatibility)."""

_INSTALL_JAVA: Final = "Debian, Ubuntu: apt-get install openjdk-17-jre-headless. macOS: brew install openjdk@17."
_INSTALL_MAVEN: Final = "Debian, Ubuntu: apt-get install maven. macOS: brew install maven."


def find_java() -> str:
    """The path of a Java that can run the broker, or :class:`ConfigurationError` saying what is missing."""
    java = shutil.which("java")
    if java is None:
        raise ConfigurationError(
            "part_missing", f"Java is not installed; the Kafka broker needs {OLDEST_JAVA} or newer. {_INSTALL_JAVA}"
        )
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(?:1\.)?(\d+)', said.stderr + said.stdout)
    if said.returncode != 0 or found is None:
        raise ConfigurationError("part_missing", f"{java} does not say which Java it is. {_INSTALL_JAVA}")
    if int(found[1]) < OLDEST_JAVA:
        raise ConfigurationError(
            "part_missing",
            f"Java {found[1]} is too old; the Kafka broker needs {OLDEST_JAVA} or newer. {_INSTALL_JAVA}",
        )
    return java


def find_maven() -> str:
    """The path of Maven, which fetches the broker, or :class:`ConfigurationError` saying how to install it."""
    maven = shutil.which("mvn")
    if maven is None:
        raise ConfigurationError("part_missing", f"Maven (mvn) is not installed; it fetches Kafka. {_INSTALL_MAVEN}")
    return maven
