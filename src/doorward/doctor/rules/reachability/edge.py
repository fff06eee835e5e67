"""Rules about the edge: who is let through under which name."""

from doorward.doctor.evidence.before_sign_in import EdgeTry
from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.findings.finding import Blame
from doorward.doctor.rules import answers
from doorward.doctor.rules.reachability.connection import told
from doorward.doctor.rules.rule import Found, RuleBook

BOOK = RuleBook()
_REFUSALS = (403, 406, 444)


@BOOK.rule("user-agent-blocked", needs=["edge"])
def user_agent_blocked(evidence: Evidence) -> Found | None:
    """Find a user agent that is refused where another one passes, twice."""
    blocked = [one for one in evidence.edge or () if _is_blocked(one)]
    if not blocked:
        return None
    first = blocked[0]
    clients = sorted({name for one in blocked for name in one.clients})
    agent = first.user_agent or "(none)"
    return Found(
        observed=tuple(
            f'{told(one.exchange)} as "{one.user_agent}"; {one.own.answered} under another name'
            for one in blocked[:4]
        ),
        values={"place": first.place, "clients": ", ".join(clients), "agent": agent},
        # JSON comes from an application.
        blame=Blame.UNSURE if first.exchange.document is not None else None,
        decide="If the server's log has a line for this request, the server refuses it."
        if first.exchange.document is not None
        else None,
    )


def _is_blocked(seen: EdgeTry) -> bool:
    # The doctor's own request passes before and after, so a limit or an outage is no explanation.
    steady = seen.again is not None and seen.again.status == seen.own.status
    if not steady or seen.own.status is None or seen.own.status in _REFUSALS:
        return False
    exchange = seen.exchange
    if exchange.status is None:
        return exchange.failure is not None and exchange.failure.kind == "disconnected"
    return exchange.status in _REFUSALS or answers.is_edge_page(exchange)
