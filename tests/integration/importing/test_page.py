"""The example of docs/importing.md does what the page says of it."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.cli.main import main
from ledger.domain.envelope import Lane
from ledger.event_log.log_info import read_log_info
from ledger.vault.controllers import Controller
from tests.support.services import ROOT
from tests.support.shop import Run, Shop

pytestmark = pytest.mark.services


def test_the_example_of_the_page_runs(
    stack: Any, run: Run, do: Callable[[Any], Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "importing.md").read_text()
    [written] = re.findall(r"```csv\n(.*?)```", page, re.DOTALL)
    [commands] = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    look, record = (shlex.split(line)[1:] for line in commands.splitlines())
    path = tmp_path / "members.csv"
    path.write_text(written)
    name = do(stack.new_controller(catalogue="omilon"))
    place = {"members.csv": str(path), "omilon": name}
    shop = Shop(stack, do(read_log_info(stack.bootstrap, name)), Controller(0, name))

    assert main([place.get(word, word) for word in look]) == 1
    assert "a***@e***.se" in capsys.readouterr().out
    assert do(shop.events(Lane.LIVE)) == []
    assert main([place.get(word, word) for word in record]) == 0
    live, backfill = do(shop.events(Lane.LIVE)), do(shop.events(Lane.BACKFILL))
    assert sorted(one.event.scope.purpose for one in live) == ["om.newsletter", "om.offer"]
    assert sorted(one.event.scope.purpose for one in backfill) == ["om.newsletter", "om.newsletter", "om.offer"]
