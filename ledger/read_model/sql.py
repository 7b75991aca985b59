"""Named SQL from the ``.sql`` files of a package: the only way that Python here gets a statement."""

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

__all__ = ["load", "scripts"]

READ_MODEL_QUERIES = "ledger.read_model.queries"


@cache
def load(name: str, package: str = READ_MODEL_QUERIES) -> str:
    """The text of the query ``name`` (file ``<name>.sql`` in the folder ``package``), read once per process.

    A query that does not exist is a fault of this code base, so ``FileNotFoundError`` is left as it is.
    """
    return _folder(package).joinpath(f"{name}.sql").read_text(encoding="utf-8")


def scripts(package: str) -> tuple[tuple[str, str], ...]:
    """Every ``.sql`` file of the folder ``package`` as (name without suffix, text), in order of name."""
    found = [entry for entry in _folder(package).iterdir() if entry.name.endswith(".sql")]
    return tuple(
        (entry.name.removesuffix(".sql"), entry.read_text(encoding="utf-8"))
        for entry in sorted(found, key=lambda entry: entry.name)
    )


def _folder(package: str) -> Traversable:
    # From the parent, which is an importable package: the folder of SQL files itself holds no Python.
    parent, _, folder = package.rpartition(".")
    return files(parent).joinpath(folder)
