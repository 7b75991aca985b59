"""What the answers must be, said a second time and by other means: an independent fold of the day's plan.

It imports nothing of the product. It knows true times (the plan invented them), so it needs neither stamps nor ranks:
for each person, purpose and channel the last thing truly said decides; what an erasure took is gone, but for the noes;
a person in doubt is denied; and the company's own catalogue (:mod:`tests.demo.promised`, read as plain TOML) says which
ground a purpose stands on, what it uses, and what the law keeps.
"""

from tests.demo.promised import Promises

NOES = ("refuse", "withdraw", "unsubscribe", "object", "preference_out")
NEVER, LONG_AGO = -1, 0


def expected_answers(acts: list[dict], promises: Promises, questions: list[tuple]) -> dict[tuple, bool]:
    """Allow (True) or deny for each question ``(person, purpose, channel)``."""
    said: dict[str, list[dict]] = {}
    for act in sorted(acts, key=lambda act: act["true_ms"]):
        said.setdefault(act["person"], []).append(act)
    known = {person: _what_is_left(theirs, promises) for person, theirs in said.items()}
    return {question: _answer(known.get(question[0], []), promises, *question[1:]) for question in questions}


def _what_is_left(said: list[dict], promises: Promises) -> list[dict]:
    """A whole erasure leaves the person's noes, which only a proved yes lifts, and no file brings a yes back."""
    left: list[dict] = []
    for act in said:
        if act["act"] != "erase":
            # Nobody knows when what a list says was said: it counts as older than any no.
            left.append(act | {"true_ms": LONG_AGO} if act.get("imported") and act["act"] == "grant" else act)
        elif promises.kept(act) or act["categories"]:
            left.append(act)
        else:
            left = [no | {"carried": True} for no in left if no["act"] in NOES]
            left.append({"act": "forgotten", "true_ms": act["true_ms"]})
    if any(act["act"] == "forgotten" for act in left):
        left = [act for act in left if not (act.get("imported") and act["act"] == "grant")]
    return left


def _answer(said: list[dict], promises: Promises, name: str, channel: str | None) -> bool:
    purpose = promises.purposes.get(name)
    if purpose is None or not said or any(act["act"] == "broken" for act in said):
        return False
    yeses = [act for act in said if act["act"] in ("grant", "preference_in") and _names(act, name, channel)]
    noes = [act for act in said if act["act"] in NOES and _covers(act, name, purpose, channel)]
    if any(_took(act, promises, name, purpose, yeses) for act in said if act["act"] == "erase"):
        return False
    if purpose["declinable"] and not all(any(_lifts(yes, no) for yes in yeses) for no in noes):
        return False
    if purpose["declinable"] and all(act["act"] in (*NOES, "erase", "forgotten") for act in said):
        return False  # whoever only ever said no is not known well enough for a weighed interest
    if purpose["basis"] == "consent":
        return any(yes["act"] == "grant" and all(_lifts(yes, no) for no in noes) for yes in yeses)
    return purpose["basis"] == "legitimate_interests" and not purpose.get("existing_customer_required", False)


def _took(erasure: dict, promises: Promises, name: str, purpose: dict, yeses: list[dict]) -> bool:
    """Whether an erasure of some categories ended this use; a later yes begins it anew, but not with what is kept."""
    kept = promises.kept(erasure)
    used = set(purpose["categories"])
    if any(category in used and name not in uses for category, uses in kept.items()):
        return True
    gone = set(erasure["categories"] or promises.categories) - set(kept)
    return bool(used & gone) and max((yes["true_ms"] for yes in yeses), default=NEVER) < erasure["true_ms"]


def _lifts(yes: dict, no: dict) -> bool:
    return yes["true_ms"] > no["true_ms"] and (not no.get("carried") or yes.get("verified", False))


def _names(act: dict, name: str, channel: str | None) -> bool:
    return act.get("purpose") == name and act.get("channel") == channel


def _covers(act: dict, name: str, purpose: dict, channel: str | None) -> bool:
    about = act.get("purpose") in (None, name) and act.get("message_class") in (None, purpose["message_class"])
    named = channel is None and act.get("purpose") == name
    return about and (act.get("channel") in (None, channel) or named)
