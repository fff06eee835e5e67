"""Rules about registration."""

from doorward.doctor.evidence.before_sign_in import RegistrationView
from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.rules import answers
from doorward.doctor.rules.reachability.connection import told
from doorward.doctor.rules.rule import Found, RuleBook

BOOK = RuleBook()
_ABSENT = (404, 405, 410, 501)
_CLOSED = ("access_denied", "insufficient_scope", "invalid_token", "unauthorized")
WANTS_REGISTRATION = (
    "dynamic client registration",
    "registration_endpoint",
    "does not support registration",
)
"""What clients say that find no registration endpoint."""


def _view(evidence: Evidence) -> RegistrationView:
    assert evidence.registration is not None
    return evidence.registration


def _last(view: RegistrationView) -> Exchange | None:
    return view.registered if view.registered is not None else view.last


@BOOK.rule("registration-absent", needs=["registration"])
def registration_absent(evidence: Evidence) -> Found | None:
    """Find an endpoint that is not there."""
    last = _view(evidence).last
    if last is None or last.status not in _ABSENT:
        return None
    return Found(observed=(told(last),), values={"answer": last.answered})


@BOOK.rule("registration-closed", needs=["registration"])
def registration_closed(evidence: Evidence) -> Found | None:
    """Find an endpoint for others than MCP clients."""
    view = _view(evidence)
    last = _last(view)
    if last is None or not _is_closed(last):
        return None
    told_error = f"{told(last)} {last.error_code()}".strip()
    answer = f"{last.status} {last.error_code()}".strip()
    return Found(observed=(told_error,), values={"answer": answer})


def _is_closed(exchange: Exchange) -> bool:
    if answers.is_edge_page(exchange):
        return False
    return exchange.status in (401, 403) or exchange.error_code() in _CLOSED


@BOOK.rule("registration-fails", needs=["registration"])
def registration_fails(evidence: Evidence) -> Found | None:
    """
    Find an endpoint that crashes at a valid registration, or registers nothing that has an id.

    What malformed registrations do shows nothing.
    """
    last = _view(evidence).registered
    if last is None or last.status is None:
        return None
    if last.status < 500 and not _lacks_id(last):
        return None
    without = " without client_id" if _lacks_id(last) else ""
    return Found(observed=(told(last) + without,), values={"answer": last.answered + without})


def _lacks_id(exchange: Exchange) -> bool:
    is_success = exchange.status in (200, 201)
    return is_success and not isinstance((exchange.document or {}).get("client_id"), str)


@BOOK.rule("registration-refused", needs=["registration"])
def registration_refused(evidence: Evidence) -> Found | None:
    """Find an issuer that refuses what clients on desktops register."""
    last = _view(evidence).registered
    if last is None or last.status not in (400, 422) or _is_closed(last):
        return None
    said = str((last.document or {}).get("error_description", "")) or last.error_code()
    return Found(
        observed=(f"{told(last)} {last.error_code()} {said}".strip(),),
        values={"answer": last.answered, "said": said or "nothing more"},
    )


@BOOK.rule("registration-blocked", needs=["registration"])
def registration_blocked(evidence: Evidence) -> Found | None:
    """Find a firewall in front of the registration endpoint."""
    last = _last(_view(evidence))
    if last is None or not answers.is_edge_page(last):
        return None
    return Found(observed=(told(last),), values={"answer": last.answered})


@BOOK.rule("registration-limited", needs=["registration"])
def registration_limited(evidence: Evidence) -> Found | None:
    """Find a rate limit that the doctor's first registration reaches."""
    view = _view(evidence)
    first = view.refused[0] if view.refused else None
    if first is None or first.status != 429 or answers.is_edge_page(first):
        return None
    return Found(observed=(told(first),))


@BOOK.rule("client-documents-need-secret", needs=["registration"])
def client_documents_need_secret(evidence: Evidence) -> Found | None:
    """Find client ID metadata documents for confidential clients only."""
    view = _view(evidence)
    if not view.documents or view.auth_methods is None or "none" in view.auth_methods:
        return None
    return Found(
        observed=(f"token_endpoint_auth_methods_supported: {', '.join(view.auth_methods)}",)
    )


@BOOK.rule("client-needs-registration-by-hand", needs=["registration"])
def client_needs_registration_by_hand(evidence: Evidence) -> Found | None:
    """Find an issuer without a way for any client: a legal choice, so only if somebody asks."""
    view = _view(evidence)
    if view.endpoint is not None or view.documents:
        return None
    said = " ".join(evidence.saw).lower()
    wants_client = evidence.sign_in_kind in ("browser", "paste", "device")
    is_given = evidence.authorize is not None and evidence.authorize.of("given") is not None
    if not any(words in said for words in WANTS_REGISTRATION) and (is_given or not wants_client):
        return None
    return Found(observed=("The metadata has no registration_endpoint.",))
