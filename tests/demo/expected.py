"""What the answers must be, said a second time and by other means: an independent fold of the morning's plan.

It imports nothing of the product. It knows true times (the plan invented them), so it needs neither stamps nor
ranks: for each person, purpose and channel the last thing truly said decides, a person in doubt is denied, and the
company's own catalogue (read here as plain TOML) says which ground a purpose stands on.
"""

import tomllib
from pathlib import Path


def declared_purposes(folder: Path) -> dict[str, dict]:
    """Purpose id to its table in the catalogue's TOML, with ``declinable`` taken from its message class."""
    tables = tomllib.loads((folder / "catalogue.toml").read_text())
    classes = _by_id(tables["message_classes"])
    purposes = _by_id(tables["purposes"])
    for purpose in purposes.values():
        declinable = classes[purpose["message_class"]].get("declinable", True)
        purpose["declinable"] = declinable or purpose["basis"] == "consent"
    return purposes


def expected_answers(
    acts: list[dict], purposes: dict[str, dict], questions: list[tuple]
) -> dict[tuple, bool]:
    """Allow (True) or deny for each question ``(person, purpose, channel)``."""
    said: dict[str, list[dict]] = {}
    for act in sorted(acts, key=lambda act: act["true_ms"]):
        said.setdefault(act["person"], []).append(act)
    return {question: _answer(said.get(question[0], []), purposes, *question[1:]) for question in questions}


def _answer(said: list[dict], purposes: dict[str, dict], name: str, channel: str | None) -> bool:
    purpose = purposes.get(name)
    if purpose is None or not said or any(act["act"] == "broken" for act in said):
        return False
    about = [act for act in said if _is_about(act, name, purpose, channel)]
    last_no = max((act["true_ms"] for act in about if _is_no(act)), default=-1)
    last_yes = max(
        (act["true_ms"] for act in about if not _is_no(act) and _is_specific(act, name, channel)), default=-1
    )
    if purpose["declinable"] and last_no > last_yes:
        return False
    if purpose["declinable"] and all(_is_no(act) for act in said):
        return False  # whoever only ever said no is not known well enough for a weighed interest
    if purpose["basis"] == "consent":
        last_grant = max((act["true_ms"] for act in about if act["act"] == "grant"), default=-1)
        return last_grant > last_no
    return purpose["basis"] == "legitimate_interests" and not purpose.get("existing_customer_required", False)


def _is_no(act: dict) -> bool:
    return act["act"] in ("refuse", "withdraw", "unsubscribe", "object", "preference_out")


def _is_about(act: dict, name: str, purpose: dict, channel: str | None) -> bool:
    names = act.get("purpose") in (None, name) and act.get("message_class") in (
        None,
        purpose["message_class"],
    )
    return names and (
        act.get("channel") in (None, channel) or (channel is None and act.get("purpose") == name)
    )


def _is_specific(act: dict, name: str, channel: str | None) -> bool:
    return (act.get("purpose") == name or act.get("message_class") is not None) and act.get(
        "channel"
    ) == channel


def _by_id(tables: object) -> dict[str, dict]:
    """A list of tables with ids, or tables by id: the file may use either."""
    if isinstance(tables, dict):
        return {name: dict(table) for name, table in tables.items()}
    return {table["id"]: dict(table) for table in tables}
