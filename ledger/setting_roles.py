"""What each kind of process is told: one frozen struct per role, and no more in it than the role needs."""

from pathlib import Path
from typing import Final

import msgspec

__all__ = [
    "SECRET_FIELDS",
    "ApiSettings",
    "ClientSettings",
    "FoldSettings",
    "OperatorSettings",
    "ReactionsSettings",
]

SECRET_FIELDS: Final = (
    "pepper_file",
    "sealing_key_file",
    "key_encryption_key_file",
    "suppression_pepper_file",
    "order_signing_key_file",
)


class _Role(msgspec.Struct, frozen=True, kw_only=True):
    """What every role may be told: how it logs, and the failpoint of a fault test."""

    log_level: str = "info"
    failpoint: str | None = None
    allow_failpoints: bool = False


class FoldSettings(_Role, frozen=True, kw_only=True):
    """The fold worker: reads the log, owns the read model. It never sees a key of the vault."""

    kafka_bootstrap: str
    postgres_dsn: str
    fold_controllers: str | None = None
    staleness_bound_seconds: float = 30.0
    metrics_port: int | None = None

    @property
    def controllers(self) -> tuple[str, ...]:
        """The controllers that this worker folds; empty means all."""
        names = (self.fold_controllers or "").split(",")
        return tuple(sorted({name.strip() for name in names if name.strip()}))


class _VaultRole(_Role, frozen=True, kw_only=True):
    """What opens the vault, and so needs every secret of it."""

    vault_dsn: str
    pepper_file: Path
    sealing_key_file: Path
    key_encryption_key_file: Path
    suppression_pepper_file: Path
    order_signing_key_file: Path
    subject_cache_seconds: float = 60.0
    append_deadline_seconds: float = 60.0

    @property
    def secret_files(self) -> tuple[Path, ...]:
        """The secrets' files in the order in which ``ledger.vault.secrets`` names them."""
        return tuple(getattr(self, field) for field in SECRET_FIELDS)


class ReactionsSettings(_VaultRole, frozen=True, kw_only=True):
    """The reactions worker: timers and agents beside the fold. It carries out erasures, so it opens the vault."""

    kafka_bootstrap: str
    postgres_dsn: str
    settle_margin_seconds: float = 10.0
    order_resend_seconds: float = 302_400.0
    metrics_port: int | None = None


class ApiSettings(_VaultRole, frozen=True, kw_only=True):
    """The HTTP API: resolves people, so it opens the vault."""

    kafka_bootstrap: str
    postgres_dsn: str
    api_host: str = "127.0.0.1"
    api_port: int = 8080
    staleness_bound_seconds: float = 30.0


class OperatorSettings(_Role, frozen=True, kw_only=True):
    """The command line. Nothing is required up front: each command asks with :func:`require` for what it uses."""

    kafka_bootstrap: str | None = None
    postgres_dsn: str | None = None
    vault_dsn: str | None = None
    pepper_file: Path | None = None
    sealing_key_file: Path | None = None
    key_encryption_key_file: Path | None = None
    suppression_pepper_file: Path | None = None
    order_signing_key_file: Path | None = None
    subject_cache_seconds: float = 60.0
    append_deadline_seconds: float = 60.0
    url: str | None = None
    staleness_bound_seconds: float = 30.0


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The SDK in another team's service."""

    url: str | None = None
    api_key: str | None = None
    kafka_bootstrap: str | None = None
