"""Rules about registration."""

from doorward.doctor.evidence.before_sign_in import RegistrationView
from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.rules import answers
from doorward.doctor.rules.connection import told
from doorward.doctor.rules.rule import Found, RuleBook
from doorward.idp.clients import CLIENTS

BOOK = RuleBook()
_ABSENT = (404, 405, 410, 501)
_CLOSED = ("access_denied", "insufficient_scope", "invalid_token", "unauthorized")
_SAID = ("dynamic client registration", "registration_endpoint", "does not support registration")


def _view(evidence: Evidence) -> RegistrationView:
    assert evidence.registration is not None
    return evidence.registration


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
    last = view.registered if view.registered is not None else view.last
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
    """Find an endpoint that crashes at a valid registration; what malformed ones do shows nothing."""
    last = _view(evidence).registered
    if last is None or last.status is None or last.status < 500:
        return None
    return Found(observed=(told(last),), values={"answer": last.answered})


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
    """Find an issuer without a way for this client: a legal choice, so only if somebody asks."""
    view = _view(evidence)
    if view.endpoint is not None:
        return None
    said = " ".join(evidence.saw).lower()
    if said and _has_document(evidence.persona, view):
        return None
    wants_client = evidence.sign_in_kind in ("browser", "paste", "device")
    is_given = evidence.authorize is not None and evidence.authorize.of("given") is not None
    if not any(words in said for words in _SAID) and (is_given or not wants_client):
        return None
    return Found(observed=("The metadata has no registration_endpoint.",))


def _has_document(persona: str, view: RegistrationView) -> bool:
    if not view.documents:
        return False
    client = next((one for one in CLIENTS if one.name == persona), None)
    return client is None or client.connection is None or client.connection.document is not None
