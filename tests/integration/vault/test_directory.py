"""The directory: one subject per identifier whoever asks at the same time, and nothing made by a question."""

import asyncio
import random
from typing import Any

import msgspec
import pytest

from ledger.domain.identifiers import account, email, phone
from ledger.errors import IntegrityViolation, Unavailable
from ledger.vault.directory import Controller, Directory, SubjectState
from ledger.vault.secrets import Secrets

pytestmark = pytest.mark.services

ANNA = email("anna@example.se")
CALLERS = 40


async def count(vault: Any, table: str) -> int:
    found: int = await vault.fetchval(f"select count(*) from vault.{table}")
    return found


async def test_resolve_makes_a_subject_once(directory: Directory, controller: Controller, vault: Any) -> None:
    [first] = await directory.resolve(controller, [ANNA])
    [again] = await directory.resolve(controller, [email(" Anna@EXAMPLE.se ")])
    assert (first.created, again.created) == (True, False)
    assert first.subject_id == again.subject_id and len(first.subject_id) == 16
    assert (await count(vault, "subject"), await count(vault, "directory")) == (1, 1)


async def test_lookup_creates_nothing(directory: Directory, controller: Controller, vault: Any) -> None:
    assert await directory.lookup(controller, [ANNA, phone("+46701740605"), account("4711")]) == [None] * 3
    assert (await count(vault, "subject"), await count(vault, "directory")) == (0, 0)


async def test_lookup_finds_what_resolve_made_in_the_order_asked(
    directory: Directory, controller: Controller
) -> None:
    bo = email("bo@example.se")
    made = await directory.resolve(controller, [ANNA, bo])
    found = await directory.lookup(controller, [bo, email("cia@example.se"), ANNA, bo])
    assert [entry and entry.subject_id for entry in found] == [
        made[1].subject_id, None, made[0].subject_id, made[1].subject_id,
    ]  # fmt: skip


async def test_two_identifiers_of_one_person_are_two_subjects_until_linked(
    directory: Directory, controller: Controller
) -> None:
    made = await directory.resolve(controller, [ANNA, phone("+46701740605"), account("anna@example.se")])
    assert len({entry.subject_id for entry in made}) == 3


async def test_two_controllers_share_no_subject(directory: Directory, controller: Controller) -> None:
    [here] = await directory.resolve(controller, [ANNA])
    other = Controller(2, "omilon")
    assert await directory.lookup(other, [ANNA]) == [None]
    [there] = await directory.resolve(other, [ANNA])
    assert here.subject_id != there.subject_id
    assert await directory.known(other, [here.subject_id]) == [None]


async def test_concurrent_callers_neither_split_a_person_nor_deadlock(
    directory: Directory, controller: Controller, vault: Any
) -> None:
    people = [email(f"person{number}@example.se") for number in range(200)]
    choose = random.Random(34)
    batches = [choose.sample(people, 120) for _ in range(CALLERS)]
    answers = await asyncio.gather(*(directory.resolve(controller, batch) for batch in batches))
    subjects: dict[str, set[bytes]] = {}
    for batch, entries in zip(batches, answers, strict=True):
        for who, entry in zip(batch, entries, strict=True):
            subjects.setdefault(who.value, set()).add(entry.subject_id)
    assert {len(ids) for ids in subjects.values()} == {1}
    created = [entry.subject_id for entries in answers for entry in entries if entry.created]
    assert len(created) == len(set(created)) == len(subjects)
    assert (await count(vault, "subject"), await count(vault, "directory")) == (len(subjects), len(subjects))


async def test_a_batch_may_name_a_person_twice(
    directory: Directory, controller: Controller, vault: Any
) -> None:
    entries = await directory.resolve(controller, [ANNA, ANNA])
    assert entries[0] == entries[1]
    assert await count(vault, "subject") == 1


async def test_an_empty_batch_is_answered(directory: Directory, controller: Controller) -> None:
    assert (await directory.resolve(controller, []), await directory.lookup(controller, [])) == ([], [])


async def test_the_sealed_identifier_opens_under_the_subjects_own_key(
    directory: Directory, controller: Controller, vault: Any
) -> None:
    [anna, bo] = await directory.resolve(controller, [ANNA, email("bo@example.se")])
    assert await directory.identifiers_of(controller, anna.subject_id) == [ANNA]
    everything = await vault.fetch(
        "select d::text, s::text from vault.directory d join vault.subject s using (subject_id)"
    )
    assert "anna" not in str(everything) and b"anna".hex() not in str(everything)
    await vault.execute(
        """update vault.directory d set sealed_identifier = other.sealed_identifier
           from vault.directory other where d.subject_id = $1 and other.subject_id = $2""",
        anna.subject_id,
        bo.subject_id,
    )
    with pytest.raises(IntegrityViolation, match="vault_unreadable"):
        await directory.identifiers_of(controller, anna.subject_id)


async def test_a_subject_that_is_not_active_is_reported_and_not_made_anew(
    directory: Directory, controller: Controller, vault: Any
) -> None:
    [made] = await directory.resolve(controller, [ANNA])
    assert made.is_active
    await vault.execute("update vault.subject set state = 'blocked' where subject_id = $1", made.subject_id)
    for entries in (await directory.resolve(controller, [ANNA]), await directory.lookup(controller, [ANNA])):
        [entry] = entries
        assert entry and not entry.is_active and not entry.created
        assert (entry.subject_id, entry.state) == (made.subject_id, SubjectState.BLOCKED)


async def test_who_comes_back_after_destruction_is_a_new_subject(
    directory: Directory, controller: Controller, vault: Any
) -> None:
    [old] = await directory.resolve(controller, [ANNA])
    await vault.execute("delete from vault.directory where subject_id = $1", old.subject_id)
    await vault.execute(
        "update vault.subject set state = 'destroyed', wrapped_key = null where subject_id = $1",
        old.subject_id,
    )
    [new] = await directory.resolve(controller, [ANNA])
    assert new.created and new.subject_id != old.subject_id
    [known] = await directory.known(controller, [old.subject_id])
    assert known and known.state is SubjectState.DESTROYED
    assert await directory.identifiers_of(controller, old.subject_id) == []


async def test_a_key_is_never_made_for_a_subject_that_exists(
    directory: Directory, controller: Controller, vault: Any
) -> None:
    [made] = await directory.resolve(controller, [ANNA])
    before = await vault.fetchval(
        "select wrapped_key from vault.subject where subject_id = $1", made.subject_id
    )
    await directory.resolve(controller, [ANNA, email("bo@example.se")])
    after = await vault.fetchval(
        "select wrapped_key from vault.subject where subject_id = $1", made.subject_id
    )
    assert before == after


async def test_another_pepper_knows_nobody(
    directory: Directory, controller: Controller, vault: Any, own_secrets: Secrets
) -> None:
    await directory.resolve(controller, [ANNA])
    stranger = msgspec.structs.replace(own_secrets, pepper=bytes(32))
    assert await Directory(vault, stranger).lookup(controller, [ANNA]) == [None]


async def test_a_vault_that_is_down_is_unavailable(
    directory: Directory, controller: Controller, vault: Any
) -> None:
    await vault.close()
    with pytest.raises(Unavailable):
        await directory.resolve(controller, [ANNA])
