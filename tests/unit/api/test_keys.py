"""The form of an API key: a mistyped one is refused before anybody looks it up."""

import hashlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.api import keys
from ledger.errors import Unauthorised

# The form of a key does not change, since keys lie in other people's files.
KEY = "lk_k3v9x2ab_79oYApew53vggMnSsf56wIemJAJ2XvXz3WyI5pB4Dor0XaY1C"


def test_a_well_formed_key_gives_its_prefix_and_the_hash_of_its_secret() -> None:
    secret = KEY.split("_")[2][:-6]
    assert keys.parse(KEY) == ("k3v9x2ab", hashlib.sha256(secret.encode()).digest())


def test_any_one_mistyped_character_is_found() -> None:
    for index, old in enumerate(KEY):
        for new in string.ascii_letters + string.digits + "_":
            if new != old:
                with pytest.raises(Unauthorised, match="api_key_invalid"):
                    keys.parse(KEY[:index] + new + KEY[index + 1 :])


@given(
    st.one_of(
        st.text(max_size=80),
        st.text(alphabet="lk_0aZ", max_size=80),
        st.from_regex(r"lk_[a-z0-9]{8}_\w{49}", fullmatch=True),
    )
)
def test_whatever_is_no_key_is_refused_as_unauthorised(text: str) -> None:
    with pytest.raises(Unauthorised) as refusal:
        keys.parse(text)
    assert refusal.value.code == "api_key_invalid"
    assert refusal.value.http_status == 401


def test_a_refusal_does_not_repeat_the_key() -> None:
    with pytest.raises(Unauthorised) as refusal:
        keys.parse(KEY[:-1] + ("a" if KEY[-1] != "a" else "b"))
    assert KEY[12:40] not in f"{refusal.value} {refusal.value.diagnostics()} {refusal.value.context}"
