"""Settings: what is refused, where values come from, and what is never shown."""

from pathlib import Path

import pytest

from ledger import settings
from ledger.errors import ConfigurationError
from ledger.setting_names import SETTINGS

FOLD = {"LEDGER_KAFKA_BOOTSTRAP": "127.0.0.1:9092", "LEDGER_POSTGRES_DSN": "postgresql://ledger@db/ledger"}


def load(variables: dict[str, str], state: Path | None = None) -> settings.FoldSettings:
    return settings.load(settings.FoldSettings, variables, state)


def refusal(variables: dict[str, str], role: type = settings.FoldSettings) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        settings.load(role, variables)
    return caught.value


def test_a_role_gets_what_is_set_and_the_defaults_of_the_rest() -> None:
    loaded = load({**FOLD, "LEDGER_METRICS_PORT": "9100"})
    assert loaded.kafka_bootstrap == "127.0.0.1:9092"
    assert loaded.metrics_port == 9100
    assert loaded.staleness_bound_seconds == 30


def test_a_missing_setting_is_named_with_what_it_is_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load({"LEDGER_KAFKA_BOOTSTRAP": "127.0.0.1:9092"}, tmp_path)
    assert caught.value.code == "setting_missing"
    assert "LEDGER_POSTGRES_DSN" in caught.value.detail
    assert "ledger dev up" in caught.value.diagnostics()


def test_a_misspelt_setting_is_an_error_that_names_the_nearest() -> None:
    error = refusal({**FOLD, "LEDGER_STALENES_BOUND_SECONDS": "5"})
    assert error.code == "setting_unknown"
    assert "LEDGER_STALENESS_BOUND_SECONDS" in error.detail


def test_a_name_that_resembles_nothing_gets_no_hint() -> None:
    assert "Did you mean" not in refusal({**FOLD, "LEDGER_ZZZ": "5"}).detail


@pytest.mark.parametrize("name", ["LEDGER_PEPPER", "LEDGER_SEALING_KEY", "LEDGER_KEY_ENCRYPTION_KEY"])
def test_a_secret_as_a_plain_variable_is_refused_and_its_value_not_told(name: str) -> None:
    error = refusal({**FOLD, name: "very-secret"})
    assert error.code == "setting_unknown"
    assert f"{name}_FILE" in error.detail
    assert "very-secret" not in error.diagnostics()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LEDGER_STALENESS_BOUND_SECONDS", "soon"),
        ("LEDGER_STALENESS_BOUND_SECONDS", "0"),
        ("LEDGER_STALENESS_BOUND_SECONDS", "nan"),
        ("LEDGER_METRICS_PORT", "70000"),
        ("LEDGER_METRICS_PORT", "91.5"),
        ("LEDGER_ALLOW_FAILPOINTS", "yes"),
    ],
)
def test_a_value_that_a_setting_cannot_have_is_refused_by_name(name: str, value: str) -> None:
    error = refusal({**FOLD, name: value})
    assert error.code == "setting_invalid"
    assert name in error.detail


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("LEDGER_SUBJECT_CACHE_SECONDS", 1, 60),
        ("LEDGER_APPEND_DEADLINE_SECONDS", 2, 60),
        ("LEDGER_SETTLE_MARGIN_SECONDS", 1, 3600),
    ],
)
def test_what_an_erasure_waits_for_has_bounds_on_both_sides(name: str, low: float, high: float) -> None:
    """Below, no producer could work; above, the ranks of the log would rest on nothing."""
    files = {f"LEDGER_{field.upper()}": "/secret" for field in settings.SECRET_FIELDS}
    everything = {**FOLD, **files}
    field = name.removeprefix("LEDGER_").lower()
    for value in (low, high):
        loaded = settings.load(settings.ReactionsSettings, {**everything, name: str(value)})
        assert getattr(loaded, field) == value
    for value in (low - 0.5, high + 0.5):
        assert name in refusal({**everything, name: str(value)}, settings.ReactionsSettings).detail


def test_a_failpoint_needs_a_second_setting_that_says_it_is_meant() -> None:
    assert "LEDGER_ALLOW_FAILPOINTS" in refusal({**FOLD, "LEDGER_FAILPOINT": "after_copy"}).detail
    allowed = load({**FOLD, "LEDGER_FAILPOINT": "after_copy", "LEDGER_ALLOW_FAILPOINTS": "1"})
    assert allowed.failpoint == "after_copy"


def test_a_key_in_a_file_is_read_without_its_line_end(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("lk_ab_cd\n")
    loaded = settings.load(
        settings.ClientSettings, {"LEDGER_API_KEY_FILE": str(key), "LEDGER_URL": "http://127.0.0.1:1"}
    )
    assert loaded.api_key == "lk_ab_cd"


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("lk_ab_cd\n")
    error = refusal({"LEDGER_API_KEY_FILE": str(key), "LEDGER_API_KEY": "lk_x_y"}, settings.ClientSettings)
    assert "both set" in error.detail


def test_a_secret_file_that_is_not_there_is_named() -> None:
    assert "LEDGER_API_KEY_FILE" in refusal({"LEDGER_API_KEY_FILE": "/nowhere/key"}, settings.ClientSettings).detail


def test_a_url_of_another_kind_is_refused() -> None:
    assert "LEDGER_URL" in refusal({"LEDGER_URL": "ftp://ledger"}, settings.ClientSettings).detail


def test_the_vault_lies_with_the_read_model_unless_said_otherwise() -> None:
    secrets = {f"LEDGER_{field.upper()}": f"/secrets/{field}" for field in settings.SECRET_FIELDS}
    everything = {**FOLD, **secrets}
    assert settings.load(settings.ReactionsSettings, everything).vault_dsn == FOLD["LEDGER_POSTGRES_DSN"]
    everything["LEDGER_VAULT_DSN"] = "postgresql://v@vault/vault"
    assert settings.load(settings.ReactionsSettings, everything).vault_dsn == "postgresql://v@vault/vault"


def test_the_file_of_the_local_stack_is_read_when_the_environment_names_no_service(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("# made\n" + "".join(f"{name}={value}\n" for name, value in FOLD.items()))
    loaded = load({"LEDGER_STALENESS_BOUND_SECONDS": "7"}, tmp_path)
    assert (loaded.kafka_bootstrap, loaded.staleness_bound_seconds) == ("127.0.0.1:9092", 7)


def test_two_stacks_are_never_mixed(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("".join(f"{name}={value}\n" for name, value in FOLD.items()))
    with pytest.raises(ConfigurationError) as caught:
        load({"LEDGER_KAFKA_BOOTSTRAP": "elsewhere:9092"}, tmp_path)
    assert caught.value.code == "setting_missing"


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="LEDGER_POSTGRES_DSN"):
        load({**FOLD, "LEDGER_POSTGRES_DSN": ""}, tmp_path)


def test_what_is_shown_masks_secrets_and_says_where_each_value_came_from() -> None:
    shown = {
        line.name: line
        for line in settings.describe(
            {
                "LEDGER_KAFKA_BOOTSTRAP": "k:1",
                "LEDGER_POSTGRES_DSN": "postgresql://ledger:hush@db/ledger",
                "LEDGER_API_KEY": "lk_ab_hush",
            }
        )
    }
    assert set(shown) == set(SETTINGS)
    assert shown["LEDGER_KAFKA_BOOTSTRAP"].source == "environment"
    assert shown["LEDGER_POSTGRES_DSN"].value == "postgresql://ledger:***@db/ledger"
    assert shown["LEDGER_VAULT_DSN"].source == "LEDGER_POSTGRES_DSN"
    assert shown["LEDGER_STALENESS_BOUND_SECONDS"] == settings.SettingLine(
        name="LEDGER_STALENESS_BOUND_SECONDS",
        value="30.0",
        source="default",
        meaning=SETTINGS["LEDGER_STALENESS_BOUND_SECONDS"].meaning,
    )
    assert "hush" not in repr(shown)


def test_every_field_of_every_role_is_a_known_setting() -> None:
    roles = (
        settings.ApiSettings, settings.ClientSettings, settings.FoldSettings, settings.OperatorSettings,
        settings.ReactionsSettings,
    )  # fmt: skip
    fields = {f"LEDGER_{field.upper()}" for role in roles for field in role.__struct_fields__}
    assert fields <= set(SETTINGS)


def test_only_settings_reads_the_environment() -> None:
    root = Path(settings.__file__).resolve().parents[1]
    readers = [
        path.relative_to(root).as_posix()
        for folder in ("ledger", "projections")
        for path in (root / folder).rglob("*.py")
        if "os.environ" in path.read_text() or "getenv" in path.read_text()
    ]
    assert readers == ["ledger/settings.py"]
