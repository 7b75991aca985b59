"""A controller as the vault knows it."""

from typing import NamedTuple

__all__ = ["Controller"]


class Controller(NamedTuple):
    """A controller by both its names: the number keys the tables, the name goes into blind indexes."""

    id: int
    name: str
