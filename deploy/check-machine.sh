#!/usr/bin/env bash
# Says in plain words what this machine lacks before anything is installed. Usage: check-machine.sh [PYTHON]
set -u
python="${1:-python3.11}"
missing=0

lacks() {
    missing=1
    printf '%s\n    %s\n' "$1" "$2" >&2
}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    lacks "Python 3.11 or newer is missing (tried: $python)." \
        "Debian, Ubuntu: apt-get install python3.11 python3.11-venv; or name yours: make PYTHON=/path/to/python3.11"
elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    lacks "$python cannot make virtual environments (no ensurepip)." "Debian, Ubuntu: apt-get install python3-venv"
fi

java_major="$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)"
if [ -z "$java_major" ]; then
    lacks "Java 17 or newer is missing: the Kafka broker runs on it." \
        "Debian, Ubuntu: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17"
elif [ "$java_major" -lt 17 ]; then
    lacks "Java $java_major is too old: the Kafka broker needs 17 or newer." \
        "Debian, Ubuntu: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17"
fi

if ! command -v mvn >/dev/null; then
    lacks "Maven is missing: it fetches the Kafka broker and checks its checksums." \
        "Debian, Ubuntu: apt-get install maven; macOS: brew install maven"
fi

exit "$missing"
