"""With JSON logs, whatever a part or a library says is one record."""

import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import msgspec
import pytest
import structlog

from doorward.operations.json_logs import json_logs
from doorward.operations.records import Record

SECRET = "eyJhbGciOi.hunter2"


@pytest.fixture
def records() -> Iterator[list[Record]]:
    """The records of this test; the log is restored after it."""
    put: list[Record] = []
    with json_logs(put.append):
        yield put


def test_structlog_events_keep_their_level_reason_and_correlation_id(
    records: list[Record], capfd: pytest.CaptureFixture[str]
) -> None:
    structlog.get_logger("doorward.tokens").warning(
        "issuer-keys-unavailable", correlation_id="c1", reason="r", problem="a\nb", seconds=1.5
    )

    (one,) = records
    assert (one.level, one.party, one.event) == ("warning", "process", "issuer-keys-unavailable")
    assert (one.correlation_id, one.reason) == ("c1", "r")
    assert one.facts == {"problem": "a\\u000ab", "seconds": 1.5}
    assert capfd.readouterr() == ("", "")


def test_an_exception_has_its_type_and_place_and_never_its_message(records: list[Record]) -> None:
    try:
        raise ValueError(f"cannot parse {SECRET}")
    except ValueError:
        logging.getLogger("some.library").exception("Exception in ASGI application\n")
        structlog.get_logger().error("tool-failed", exc_info=True)

    for one in records:
        assert SECRET not in msgspec.json.encode(one).decode()
        assert one.facts["exception"] == "builtins.ValueError"
        assert one.facts["frames"][-1].endswith(
            "test_an_exception_has_its_type_and_place_and_never_its_message"
        )
    assert [one.event for one in records] == ["log", "tool-failed"]
    assert records[0].message == "Exception in ASGI application"


def test_libraries_are_heard_from_warning_on() -> None:
    records: list[Record] = []
    # Inside the test: its runner adds a handler of its own, which fails at the wrong format.
    with json_logs(records.append), warnings.catch_warnings():
        logging.getLogger("uvicorn.error").info("Started server process")
        logging.getLogger("asyncio").warning("slow %s", "callback")
        logging.getLogger("broken").error("%d", "no number")
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    assert [one.level for one in records] == ["warning", "error", "warning"]
    assert [one.message for one in records[:2]] == ["slow callback", "%d"]
    assert [one.facts["logger"] for one in records] == ["asyncio", "broken", "py.warnings"]


def test_uncaught_exceptions_are_records_too(
    records: list[Record], capfd: pytest.CaptureFixture[str]
) -> None:
    error = RuntimeError(SECRET)
    sys.excepthook(RuntimeError, error, None)
    thread = threading.Thread(target=lambda: 1 // 0)
    thread.start()
    thread.join()

    assert [one.event for one in records] == ["process.failed", "process.failed"]
    assert records[1].facts["exception"] == "builtins.ZeroDivisionError"
    assert capfd.readouterr() == ("", "")


def test_the_log_is_as_before_afterwards() -> None:
    handlers, hook = logging.getLogger().handlers[:], sys.excepthook
    configured = structlog.is_configured()
    with json_logs(lambda _: None):
        pass

    assert logging.getLogger().handlers == handlers
    assert sys.excepthook is hook
    assert structlog.is_configured() == configured
