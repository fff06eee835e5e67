"""Audit records as log records of OpenTelemetry."""

from typing import TYPE_CHECKING

import msgspec

from doorward.errors import ConfigurationError
from doorward.operations.records import Record

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LoggerProvider

_SEVERITY = {"debug": 5, "info": 9, "warning": 13, "error": 17}


class OtelLogs:
    """
    Sends each record to a collector, as the ``OTEL_EXPORTER_OTLP_*`` variables say.

    ``provider`` is for applications that have one.

    Raises:
        ConfigurationError: ``no-opentelemetry``.
    """

    def __init__(self, provider: "LoggerProvider | None" = None) -> None:
        try:
            from opentelemetry._logs import LogRecord, SeverityNumber
            from opentelemetry.sdk._logs import LoggerProvider
            from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
        except ImportError:
            raise no_opentelemetry("audit.otel") from None
        self._record, self._severity = LogRecord, SeverityNumber
        if provider is None:
            from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

            provider = LoggerProvider()
            provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
        self._provider = provider
        self._logger = provider.get_logger("doorward")

    def add(self, record: Record) -> None:
        """Send ``record``."""
        attributes = {
            "doorward.party": record.party,
            "doorward.decision": record.decision,
            "doorward.reason": record.reason,
            "doorward.correlation_id": record.correlation_id,
        }
        self._logger.emit(
            self._record(
                timestamp=int(record.time * 1_000_000_000),
                severity_number=self._severity(_SEVERITY[record.level]),
                severity_text=record.level,
                event_name=record.event,
                body=msgspec.to_builtins(record.facts, str_keys=True),
                attributes={name: value for name, value in attributes.items() if value},
            )
        )

    def close(self) -> None:
        """Send what is waiting."""
        self._provider.shutdown()


def no_opentelemetry(setting: str) -> ConfigurationError:
    """Return the error of a process that lacks the packages that ``setting`` needs."""
    return ConfigurationError(
        "no-opentelemetry",
        f"{setting} is set, and OpenTelemetry is not installed.",
        "Install the extra doorward[otel], or remove the setting.",
    )
