"""Where work that takes time can be observed: by metrics, by traces, or by nobody."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Literal, Protocol

from doorward.errors import RequestRefused

Work = Literal["store", "provider", "issuer-keys"]


class Observer(Protocol):
    """Observes work, such as a transaction of the store."""

    def observing(self, work: Work, target: str) -> AbstractContextManager[object]:
        """Return the context in which the work runs; ``target`` comes from a closed set."""
        ...


_NOTHING = nullcontext()
# Of the process, as OpenTelemetry's providers are: a store does not know whom it belongs to.
_observers: list[Observer] = []


def observed(work: Work, target: str) -> AbstractContextManager[object]:
    """
    Return the context in which ``work`` runs.

    ``target`` says which: the kind of a transaction, or the name of a provider. Callers take it from
    the settings or the code, and never from a request. Strangers would otherwise fill a metric.
    """
    return _together(work, target) if _observers else _NOTHING


def is_fault(error: Exception) -> bool:
    """Return whether work failed; a refusal inside a transaction is its result, and no fault."""
    return not isinstance(error, RequestRefused)


@contextmanager
def _together(work: Work, target: str) -> Iterator[None]:
    with ExitStack() as stack:
        for observer in _observers:
            stack.enter_context(observer.observing(work, target))
        yield


@contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """Tell ``observer`` of all work of this process while the block runs."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)
