"""Settings of every process: the only module that reads the environment.

One frozen struct per role; a role sees only what it needs. Sources, first wins: the process environment, then
the file ``env`` that ``ledger dev up`` wrote into the state folder of this checkout. That file is taken whole
or not at all: once the environment names a service, nothing is mixed in from another stack. Secrets come as
files (``<NAME>_FILE``). A variable that starts with ``LEDGER_`` and is not known refuses to start, since a
misspelt safety setting would otherwise pass in silence.
"""

import difflib
import os
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from ledger.errors import ConfigurationError
from ledger.setting_names import SERVICE_ADDRESSES, SETTINGS, Setting
from ledger.setting_roles import (
    SECRET_FIELDS,
    ApiSettings,
    ClientSettings,
    FoldSettings,
    OperatorSettings,
    ReactionsSettings,
)

__all__ = [
    "ApiSettings",
    "ClientSettings",
    "FoldSettings",
    "OperatorSettings",
    "ReactionsSettings",
    "SettingLine",
    "checkout",
    "describe",
    "environment",
    "inherited_environment",
    "load",
    "require",
    "secret_files",
    "state_folder",
]

_PREFIX: Final = "LEDGER_"


class SettingLine(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as ``ledger settings`` shows it: ``value`` is masked where it is secret, None where unset."""

    name: str
    value: str | None
    source: str
    meaning: str


RoleT = TypeVar("RoleT", bound=msgspec.Struct)


def load(role: type[RoleT], variables: Mapping[str, str] | None = None, state: Path | None = None) -> RoleT:
    """The settings of ``role``, complete and checked, or :class:`ConfigurationError` naming the variable.

    ``variables`` replaces the process environment; ``state`` the folder whose ``env`` file is the second source.
    """
    found = environment(variables, state)
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(role):
        name = _PREFIX + field.name.upper()
        raw = found.get(name, (None, ""))[0]
        if raw is None:
            if field.required:
                raise ConfigurationError(
                    "setting_missing", f"{name} is not set: {SETTINGS[name].meaning}.", setting=name
                )
            continue
        values[field.name] = _convert(name, raw, field.type)
    settings = role(**values)
    _refuse_unsafe(settings)
    return settings


def require(settings: OperatorSettings, field: str) -> str:
    """The value of ``field`` as text, or :class:`ConfigurationError` that names the variable to set."""
    value = getattr(settings, field)
    if value is None:
        name = _PREFIX + field.upper()
        raise ConfigurationError("setting_missing", f"{name} is not set: {SETTINGS[name].meaning}.", setting=name)
    return str(value)


def secret_files(settings: OperatorSettings) -> tuple[Path, ...]:
    """The files of all the vault's secrets, or :class:`ConfigurationError` that names the first one not set."""
    return tuple(Path(require(settings, field)) for field in SECRET_FIELDS)


def environment(
    variables: Mapping[str, str] | None = None, state: Path | None = None
) -> dict[str, tuple[str, str]]:
    """Every setting that is set, by name: (value, where it came from). Secrets in files are read, names checked."""
    own = {name: value for name, value in (os.environ if variables is None else variables).items() if value != ""}
    found = {name: (value, "environment") for name, value in own.items() if name.startswith(_PREFIX)}
    if not any(name in found for name in SERVICE_ADDRESSES):
        for name, value in _read_env_file(state or state_folder(own)).items():
            found.setdefault(name, (value, "state folder"))
    for name in found:
        _refuse_unknown(name)
    _read_secret_files(found)
    if "LEDGER_VAULT_DSN" not in found and "LEDGER_POSTGRES_DSN" in found:
        found["LEDGER_VAULT_DSN"] = (found["LEDGER_POSTGRES_DSN"][0], "LEDGER_POSTGRES_DSN")
    return found


def describe(variables: Mapping[str, str] | None = None, state: Path | None = None) -> tuple[SettingLine, ...]:
    """Every setting there is, with its value (masked where secret) and where the value came from."""
    found = environment(variables, state)
    defaults = _defaults()
    lines = []
    for name, setting in SETTINGS.items():
        value, source = found.get(name, (None, ""))
        if value is None:
            default = defaults.get(name)
            value, source = (None, "not set") if default is None else (str(default), "default")
        lines.append(
            SettingLine(name=name, value=_masked(setting, value), source=source, meaning=setting.meaning)
        )
    return tuple(lines)


def inherited_environment() -> dict[str, str]:
    """The process environment without any setting of ours: a child sees the settings it is given and no others."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_PREFIX)}


def checkout() -> Path | None:
    """The checkout that this code runs from, or None when it is installed as a package."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "deploy" / "kafka" / "pom.xml").is_file() else None


def state_folder(variables: Mapping[str, str] | None = None) -> Path | None:
    """Where the local stack keeps its state: ``LEDGER_STATE``, else ``.ledger`` of the checkout, else None."""
    named = (os.environ if variables is None else variables).get("LEDGER_STATE")
    if named:
        return Path(named)
    root = checkout()
    return root / ".ledger" if root else None


def _read_env_file(state: Path | None) -> dict[str, str]:
    if state is None or not (state / "env").is_file():
        return {}
    lines = (state / "env").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {name: value for name, value in pairs}


def _refuse_unknown(name: str) -> None:
    if name in SETTINGS:
        return
    if f"{name}_FILE" in SETTINGS:
        raise ConfigurationError(
            "setting_unknown", f"{name} is a secret and is taken from a file only: set {name}_FILE.", setting=name
        )
    nearest = difflib.get_close_matches(name, SETTINGS, n=1, cutoff=0.75)
    hint = f" Did you mean {nearest[0]}?" if nearest else ""
    raise ConfigurationError("setting_unknown", f"{name} is no setting of the ledger.{hint}", setting=name)


def _read_secret_files(found: dict[str, tuple[str, str]]) -> None:
    for name, setting in SETTINGS.items():
        if setting.plain is None or name not in found:
            continue
        if setting.plain in found:
            raise ConfigurationError(
                "setting_invalid", f"{setting.plain} and {name} are both set: keep one.", setting=name
            )
        path = Path(found[name][0])
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                "setting_invalid", f"{name} names a file that cannot be read: {error}", setting=name
            ) from error
        found[setting.plain] = (text, name)


def _convert(name: str, raw: str, wanted: typing.Any) -> object:
    options = typing.get_args(wanted) if isinstance(wanted, types.UnionType) else (wanted,)
    kind = next(option for option in options if option is not type(None))
    if kind is Path:
        return Path(raw)
    if kind is bool:
        if raw not in ("0", "1"):
            raise ConfigurationError("setting_invalid", f"{name} must be 0 or 1.", setting=name)
        return raw == "1"
    if kind is str:
        return raw
    try:
        number = kind(raw)
    except ValueError as error:
        raise ConfigurationError(
            "setting_invalid", f"{name} must be a number, not {raw!r}.", setting=name
        ) from error
    low, high = SETTINGS[name].bounds
    if not low <= number <= high:
        raise ConfigurationError(
            "setting_invalid", f"{name} must lie between {low:g} and {high:g}.", setting=name
        )
    return typing.cast(object, number)


def _refuse_unsafe(settings: msgspec.Struct) -> None:
    """Combinations that would weaken a promise in silence."""
    if getattr(settings, "failpoint", None) and not getattr(settings, "allow_failpoints", False):
        raise ConfigurationError(
            "setting_invalid",
            "LEDGER_FAILPOINT kills the process on purpose and needs LEDGER_ALLOW_FAILPOINTS=1.",
            setting="LEDGER_FAILPOINT",
        )
    url = getattr(settings, "url", None)
    if url is not None and urlsplit(url).scheme not in ("http", "https"):
        raise ConfigurationError(
            "setting_invalid", "LEDGER_URL must start with http:// or https://.", setting="LEDGER_URL"
        )


def _defaults() -> dict[str, object]:
    roles: tuple[type[msgspec.Struct], ...] = (
        ClientSettings, OperatorSettings, ReactionsSettings, FoldSettings, ApiSettings,
    )
    return {
        _PREFIX + field.name.upper(): field.default
        for role in roles
        for field in msgspec.structs.fields(role)
        if field.default is not msgspec.NODEFAULT
    }


def _masked(setting: Setting, value: str | None) -> str | None:
    if value is None or not setting.secret:
        return value
    parts = urlsplit(value)
    if setting.dsn and parts.scheme:
        # The password alone is the secret; host and database are what the reader looks for.
        return value if parts.password is None else value.replace(f":{parts.password}@", ":***@", 1)
    return "***"
