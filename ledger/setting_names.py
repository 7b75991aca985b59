"""The table of settings: every ``LEDGER_`` variable there is, and what it is for."""

from typing import Final, NamedTuple

__all__ = ["SERVICE_ADDRESSES", "SETTINGS", "Setting"]


class Setting(NamedTuple):
    """One variable. ``plain`` names the variable whose value this one's file holds; ``bounds`` are inclusive."""

    meaning: str
    secret: bool = False
    dsn: bool = False
    plain: str | None = None
    bounds: tuple[float, float] = (0, 65535)


SETTINGS: Final[dict[str, Setting]] = {
    "LEDGER_KAFKA_BOOTSTRAP": Setting("host:port of the Kafka brokers, separated by commas"),
    "LEDGER_POSTGRES_DSN": Setting("where the read model and the control tables are", secret=True, dsn=True),
    "LEDGER_POSTGRES_DSN_FILE": Setting("a file that holds LEDGER_POSTGRES_DSN", plain="LEDGER_POSTGRES_DSN"),
    "LEDGER_VAULT_DSN": Setting("where the vault is; LEDGER_POSTGRES_DSN unless set", secret=True, dsn=True),
    "LEDGER_VAULT_DSN_FILE": Setting("a file that holds LEDGER_VAULT_DSN", plain="LEDGER_VAULT_DSN"),
    "LEDGER_PEPPER_FILE": Setting("the file with the pepper of the blind indexes (`ledger secrets init`)"),
    "LEDGER_SEALING_KEY_FILE": Setting("the file with the key that seals identifiers and handles"),
    "LEDGER_KEY_ENCRYPTION_KEY_FILE": Setting("the file with the key that wraps each subject's own key"),
    "LEDGER_SUPPRESSION_PEPPER_FILE": Setting("the file with the pepper of what outlives an erasure"),
    "LEDGER_ORDER_SIGNING_KEY_FILE": Setting("the file with the key that signs orders to holders"),
    "LEDGER_API_HOST": Setting("the address that `ledger api` listens on"),
    "LEDGER_API_PORT": Setting("the port that `ledger api` listens on", bounds=(1, 65535)),
    "LEDGER_URL": Setting("the ledger's API as the SDK reaches it, such as https://ledger.internal"),
    "LEDGER_API_KEY": Setting("the SDK's API key, lk_<prefix>_<secret>", secret=True),
    "LEDGER_API_KEY_FILE": Setting("a file that holds LEDGER_API_KEY", plain="LEDGER_API_KEY"),
    "LEDGER_STALENESS_BOUND_SECONDS": Setting("a check of rows older than this is denied", bounds=(1, 3600)),
    "LEDGER_SUBJECT_CACHE_SECONDS": Setting(
        "how long a producer may rely on a subject id that it has resolved", bounds=(1, 60)
    ),
    "LEDGER_APPEND_DEADLINE_SECONDS": Setting(
        "how long a producer may try to append a record before it gives it up", bounds=(2, 60)
    ),
    "LEDGER_SETTLE_MARGIN_SECONDS": Setting(
        "how much longer than these two an erasure waits before it destroys", bounds=(1, 3600)
    ),
    "LEDGER_ORDER_RESEND_SECONDS": Setting(
        "after how long an order to a holder is sent again; half of the time that its topic keeps it at most",
        bounds=(1, 302_400),
    ),
    "LEDGER_FOLD_CONTROLLERS": Setting("the controllers that this fold worker folds, by comma; all unless set"),
    "LEDGER_METRICS_PORT": Setting("the loopback port on which a worker serves /metrics", bounds=(1, 65535)),
    "LEDGER_LOG_LEVEL": Setting("debug, info, warning or error"),
    "LEDGER_STATE": Setting("the folder in which `ledger dev` keeps its services"),
    "LEDGER_FAILPOINT": Setting("the step at which a fault test kills this process"),
    "LEDGER_ALLOW_FAILPOINTS": Setting("1 lets LEDGER_FAILPOINT work; never set it in production"),
}

SERVICE_ADDRESSES: Final = (
    "LEDGER_KAFKA_BOOTSTRAP",
    "LEDGER_POSTGRES_DSN",
    "LEDGER_POSTGRES_DSN_FILE",
    "LEDGER_URL",
)
