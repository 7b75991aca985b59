"""An answer that has been asked for but not awaited: it is neither true nor false.

``if ledger.check(...)`` without ``await`` would pass for everybody if the call returned a plain coroutine, since a
coroutine is true. What the SDK returns instead raises when tested, and warns when it is thrown away.
"""

import warnings
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Final, Generic, NoReturn, TypeVar

from ledger.errors import NotAwaited

__all__ = ["Pending"]

AnswerT = TypeVar("AnswerT")

_ANSWER_NAMES: Final = frozenset(
    {"allowed", "reason", "basis", "obligations", "require", "deciding_events", "position", "retryable"}
)


class Pending(Coroutine[Any, Any, AnswerT], Generic[AnswerT]):
    """Awaitable once or in a task, like a coroutine; raises ``NotAwaited`` when used as if it were the answer.

    Nothing is sent before it is awaited. One that is never awaited warns ``RuntimeWarning`` at its deletion.
    """

    __slots__ = ("_ask", "_call", "_running")

    def __init__(self, call: str, ask: Callable[[], Coroutine[Any, Any, AnswerT]]) -> None:
        self._call = call
        self._ask = ask
        self._running: Coroutine[Any, Any, AnswerT] | None = None

    def _started(self) -> Coroutine[Any, Any, AnswerT]:
        if self._running is None:
            self._running = self._ask()
        return self._running

    def __await__(self) -> Generator[Any, Any, AnswerT]:
        return self._started().__await__()

    def send(self, value: Any) -> Any:
        return self._started().send(value)

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
    ) -> Any:
        error = (
            kind if isinstance(kind, BaseException) else value if isinstance(value, BaseException) else kind()
        )
        return self._started().throw(error if traceback is None else error.with_traceback(traceback))

    def close(self) -> None:
        self._started().close()

    def __bool__(self) -> NoReturn:
        raise self._not_awaited()

    def __iter__(self) -> NoReturn:
        raise self._not_awaited()

    def __len__(self) -> NoReturn:
        raise self._not_awaited()

    def __getattr__(self, name: str) -> NoReturn:
        if name in _ANSWER_NAMES:
            raise self._not_awaited()
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    def __repr__(self) -> str:
        return f"<{self._call}(...) not awaited>" if self._running is None else f"<{self._call}(...)>"

    def __del__(self) -> None:
        if self._running is None:
            warnings.warn(
                f"{self._call}(...) was never awaited: nothing was asked", RuntimeWarning, stacklevel=1
            )

    def _not_awaited(self) -> NotAwaited:
        return NotAwaited(
            "not_awaited", f"Write `await {self._call}(...)`: only an awaited answer can be used."
        )
