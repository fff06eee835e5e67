"""JSON logs: what libraries and other parts say becomes records, and nothing else is printed."""

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, cast, get_args

from doorward.audit import escape_for_log
from doorward.operations.records import Level, Record, escaped

Put = Callable[[Record], None]
_MOST_FRAMES = 30
_LEVELS = frozenset(get_args(Level))


@contextmanager
def json_logs(put: Put) -> Iterator[None]:
    """
    Give everything that this process logs to ``put`` while the block runs.

    That is structlog, the standard library's ``logging`` with warnings, and uncaught exceptions. Of
    an exception, its type and where it was raised are logged. Messages of drivers and parsers quote
    what they were given, which may be a token.
    """
    import structlog

    before = structlog.get_config()
    was_configured = structlog.is_configured()
    structlog.configure(processors=[_Processor(put)], cache_logger_on_first_use=False)
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook)
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = [_Handler(put)]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = lambda kind, error, trace: put(_uncaught(kind, error, trace))
    threading.excepthook = lambda one: put(
        _uncaught(one.exc_type, one.exc_value, one.exc_traceback)
    )
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook = hooks
        logging.captureWarnings(False)
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
        if was_configured:
            structlog.configure(**before)


class _Processor:
    """The last processor of structlog: it makes a record of the event."""

    def __init__(self, put: Put) -> None:
        self._put = put

    def __call__(self, _logger: Any, method: str, event: MutableMapping[str, Any]) -> Any:
        import structlog

        facts = {key: _plain(value) for key, value in event.items() if key != "exc_info"}
        self._put(
            Record(
                time=time.time(),
                level=cast(Level, method) if method in _LEVELS else "error",
                party="process",
                event=escape_for_log(str(facts.pop("event", "log"))),
                reason=str(facts.pop("reason", "")),
                correlation_id=str(facts.pop("correlation_id", "")),
                facts=escaped(facts) | (_raised(sys.exc_info()) if event.get("exc_info") else {}),
            )
        )
        raise structlog.DropEvent


class _Handler(logging.Handler):
    """A handler of ``logging`` that makes a record of each message."""

    def __init__(self, put: Put) -> None:
        super().__init__()
        self._put = put

    def emit(self, record: logging.LogRecord) -> None:
        """Put one message; a message that cannot be formatted is put without its values."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - a wrong format of a library must not end a request
            message = str(record.msg)
        facts: dict[str, Any] = {"logger": record.name}
        if record.exc_info and record.exc_info[0] is not None:
            facts |= _raised(record.exc_info)
            # asyncio and uvicorn put the exception's message behind their own.
            message = message.splitlines()[0] if message else ""
        self._put(
            Record(
                time=record.created,
                level=_level_of(record.levelno),
                party="process",
                event="log",
                message=escape_for_log(message),
                facts=facts,
            )
        )


def _level_of(number: int) -> Level:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> Record:
    return Record(
        time=time.time(),
        level="error",
        party="process",
        event="process.failed",
        facts=_raised((kind, error, trace)),
    )


def _raised(found: Any) -> dict[str, Any]:
    kind, _, trace = found
    if kind is None:
        return {}
    frames = traceback.extract_tb(trace)[-_MOST_FRAMES:]
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return {"exception": f"{kind.__module__}.{kind.__qualname__}", "frames": where}
