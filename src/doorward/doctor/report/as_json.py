"""The report as one JSON document."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.report.report import Report


def as_json(report: Report, exchanges: Sequence[Exchange]) -> dict[str, Any]:
    """Return the report and the recorded requests; nothing in it is secret."""
    failure, blame = report.first_failure, report.blame
    return {
        "target": report.target,
        "as": report.persona or None,
        "saw": list(report.saw),
        "first_failure": failure.name if failure else None,
        "blame": str(blame) if blame else None,
        "ladder": [asdict(one) for one in report.rungs],
        "findings": [asdict(one) for one in report.entries],
        "requests": [_exchange(one) for one in exchanges],
        "seconds": report.seconds,
        "incomplete": report.spent or None,
        "remarks": list(report.remarks),
        "left_behind": list(report.left_behind),
    }


def _exchange(exchange: Exchange) -> dict[str, Any]:
    return {
        "purpose": exchange.purpose,
        "method": exchange.method,
        "url": exchange.url,
        "status": exchange.status,
        "media_type": exchange.media_type or None,
        "failure": asdict(exchange.failure) if exchange.failure else None,
        "headers": dict(exchange.headers),
        "seconds": round(exchange.seconds, 3),
    }
