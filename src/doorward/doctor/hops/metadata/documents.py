"""Reads one metadata document, and says why there is none."""

from doorward.doctor.evidence.evidence import DocumentTry
from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.probe.probe import Probe, Question


async def read_document(
    probe: Probe, form: str, url: str, what: str, *, for_clients: bool = True
) -> DocumentTry:
    """Return what is at ``url``; ``what`` names the document in the report."""
    answer = await probe.send(Question(purpose=f"{what} ({form})", url=url))
    exchange = answer.exchange
    usable = exchange.status == 200 and exchange.failure is None
    document = exchange.document if usable else None
    return DocumentTry(
        form=form,
        url=url,
        exchange=exchange,
        document=document,
        problem="" if document is not None else _problem(exchange),
        for_clients=for_clients,
    )


def _problem(exchange: Exchange) -> str:
    if exchange.failure is not None:
        return exchange.failure.kind
    if exchange.status != 200:
        return "status"
    return "html" if exchange.is_html else "not-json"
