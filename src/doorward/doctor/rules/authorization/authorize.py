"""Rules about the authorization request."""

from doorward.doctor.evidence.before_sign_in import AuthorizeTry, AuthorizeView
from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.findings.finding import Blame
from doorward.doctor.rules import answers
from doorward.doctor.rules.reachability.connection import told
from doorward.doctor.rules.rule import Found, RuleBook
from doorward.idp.clients import CLIENTS

BOOK = RuleBook()
_LISTED = (
    "The issuer lists these scopes in its metadata. If another client gets them, allow them for this "
    "one; if none does, correct the issuer's metadata and the server's scopes."
)
_OWN = ("given", "registered")
_UNFETCHED = ("fetch", "retrieve", "download", "returned 403", "status 403", "403 forbidden")


def _view(evidence: Evidence) -> AuthorizeView:
    assert evidence.authorize is not None
    return evidence.authorize


@BOOK.rule("authorize-absent", needs=["authorize"])
def authorize_absent(evidence: Evidence) -> Found | None:
    """Find an endpoint that is not there; some issuers say 404 of an unknown client."""
    seen = _view(evidence).of("unknown")
    if seen is None or seen.outcome != "absent" or seen.error or "client" in seen.text.lower():
        return None
    return Found(observed=(told(seen.exchange),), values={"answer": seen.exchange.answered})


@BOOK.rule("authorize-fails", needs=["authorize"])
def authorize_fails(evidence: Evidence) -> Found | None:
    """Find an endpoint that fails for every client that was tried."""
    tries = _view(evidence).tries
    if not tries or any(one.outcome != "fails" for one in tries):
        return None
    seen = tries[-1]
    failure = seen.exchange.failure
    if failure is not None and failure.kind in ("budget", "not-allowed"):
        return None
    return Found(observed=(told(seen.exchange),), values={"answer": seen.exchange.answered})


@BOOK.rule("token-endpoint-absent", needs=["authorize"])
def token_endpoint_absent(evidence: Evidence) -> Found | None:
    """Find a token endpoint that is not served."""
    seen = _view(evidence).token_endpoint
    if seen is None or seen.status not in (404, 405, 410) or seen.error_code():
        return None
    return Found(observed=(told(seen),), values={"answer": seen.answered})


@BOOK.rule("token-endpoint-fails", needs=["authorize"])
def token_endpoint_fails(evidence: Evidence) -> Found | None:
    """Find a token endpoint that does not answer a wrong request."""
    seen = _view(evidence).token_endpoint
    if seen is None or answers.is_edge_page(seen):
        return None
    gone = seen.failure is not None and seen.failure.kind not in ("budget", "not-allowed")
    # A crash at a wrong code says little about a right one; a proxy without a backend says all.
    if not gone and seen.status not in (502, 504):
        return None
    return Found(observed=(told(seen),), values={"answer": seen.answered})


@BOOK.rule("token-endpoint-blocked", needs=["authorize"])
def token_endpoint_blocked(evidence: Evidence) -> Found | None:
    """Find a firewall in front of the token endpoint."""
    seen = _view(evidence).token_endpoint
    if seen is None or not answers.is_edge_page(seen):
        return None
    return Found(observed=(told(seen),), values={"answer": seen.answered})


@BOOK.rule("redirects-unknown-client", needs=["authorize"])
def redirects_unknown_client(evidence: Evidence) -> Found | None:
    """Find a redirect to the address of a client that nobody registered."""
    seen = _view(evidence).of("unknown")
    if seen is None or not seen.exchange.headers.get("location", "").startswith(seen.redirect_uri):
        return None
    return Found(observed=(f"{seen.exchange.status} to {seen.redirect_uri}",))


def _is_like_unknown(view: AuthorizeView, seen: AuthorizeTry) -> bool:
    """Return whether the answer is the one to a client id that cannot exist."""
    unknown = view.of("unknown")
    if unknown is None:
        return False
    # Some issuers show one page for every error: that page says nothing about the client.
    text = f"{unknown.error} {unknown.text}".lower()
    return (
        ("client" in text or "application" in text)
        and seen.exchange.status == unknown.exchange.status
        and seen.error == unknown.error
        and _letters(seen.text) == _letters(unknown.text)
    )


def _letters(text: str) -> str:
    # Pages differ in the client id and in correlation ids, which have digits.
    words = (word for word in text.split() if word.isalpha())
    return " ".join(words)[:300]


@BOOK.rule("client-document-unfetchable", needs=["authorize"])
def client_document_unfetchable(evidence: Evidence) -> Found | None:
    """Find an issuer that says it could not fetch a client's document."""
    return _document(evidence, unfetched=True)


@BOOK.rule("client-document-refused", needs=["authorize"])
def client_document_refused(evidence: Evidence) -> Found | None:
    """Find a document that is refused for another reason."""
    return _document(evidence, unfetched=False)


def _document(evidence: Evidence, *, unfetched: bool) -> Found | None:
    titles = {client.name: client.title for client in CLIENTS}
    for one in _view(evidence).tries:
        if one.who not in titles or one.outcome not in ("error page", "error redirect"):
            continue
        # Scopes and resources are refused before or after the client; that has other findings.
        if one.error not in ("", "invalid_client", "unauthorized_client", "invalid_request"):
            continue
        text = one.text.lower()
        # An issuer on this machine may have no way to the vendor's host. A 403 is the host's own answer.
        if evidence.is_local and "403" not in text:
            continue
        if any(words in text for words in _UNFETCHED) is unfetched:
            ignored = not unfetched and _is_like_unknown(_view(evidence), one)
            return Found(
                observed=(_said(one),),
                values={"client": titles[one.who]},
                blame=Blame.ISSUER if ignored else None,
                decide="" if ignored else None,
            )
    return None


@BOOK.rule("client-unknown", needs=["authorize"])
def client_unknown(evidence: Evidence) -> Found | None:
    """Find a given client id that is refused as one that cannot exist."""
    seen = _view(evidence).of("given")
    if seen is None or seen.outcome not in ("error page", "error redirect"):
        return None
    named = _refused(evidence, "AADSTS700016", "client not found", "client does not exist")
    if named is None and not _is_like_unknown(_view(evidence), seen):
        return None
    return Found(observed=(_said(seen),))


@BOOK.rule("authorization-refused", needs=["authorize"])
def authorization_refused(evidence: Evidence) -> Found | None:
    """Find any other refusal of a client that exists."""
    seen = _view(evidence).of(*_OWN)
    if seen is None or seen.outcome not in ("error page", "error redirect"):
        return None
    # Without a session, these errors are the right answer.
    if seen.error in ("login_required", "interaction_required", "consent_required"):
        return None
    return Found(observed=(_said(seen),))


@BOOK.rule("redirect-uri-refused", needs=["authorize"])
def redirect_uri_refused(evidence: Evidence) -> Found | None:
    """Find a redirect URI that is not registered."""
    seen = _refused(
        evidence, "AADSTS50011", "redirect_uri", "redirect uri", "callback url mismatch"
    )
    if seen is None:
        return None
    return Found(
        observed=(_said(seen),),
        values={"redirect_uri": seen.redirect_uri},
        # A client that the doctor itself registered has exactly this URI.
        blame=Blame.ISSUER if seen.who == "registered" else None,
    )


@BOOK.rule("scope-refused", needs=["authorize"])
def scope_refused(evidence: Evidence) -> Found | None:
    """Find scopes of the server that the issuer refuses."""
    seen = _refused(evidence, "AADSTS70011", "invalid_scope", "invalid scope")
    if seen is None or not seen.scope:
        return None
    observed = (_said(seen), f"scope={seen.scope}")
    used = evidence.issuer.used if evidence.issuer is not None else None
    listed = ((used.document or {}) if used is not None else {}).get("scopes_supported")
    if isinstance(listed, list) and set(seen.scope.split()) <= set(map(str, listed)):
        # The server names what the issuer itself lists, so it is not wrong for sure.
        return Found(observed=observed, blame=Blame.UNSURE, decide=_LISTED)
    return Found(observed=observed)


@BOOK.rule("scope-hint-missing", needs=["authorize", "challenge"])
def scope_hint_missing(evidence: Evidence) -> Found | None:
    """Find a server that names no scopes, where an issuer or a client complains about scopes."""
    assert evidence.challenge is not None
    metadata = evidence.resource_metadata
    named = metadata.document.get("scopes_supported") if metadata is not None else None
    if evidence.challenge.scope or named:
        return None
    seen = _refused(evidence, "AADSTS900144", "AADSTS70011", "invalid_scope", "scope")
    said = " ".join(evidence.saw).lower()
    if seen is None and "invalid_scope" not in said and "aadsts900144" not in said:
        return None
    return Found(
        observed=("No scope in the challenge, no scopes_supported in the resource metadata.",)
    )


@BOOK.rule("resource-refused", needs=["authorize"])
def resource_refused(evidence: Evidence) -> Found | None:
    """Find an issuer that does not take the resource of the server."""
    seen = _refused(evidence, "invalid_target", "AADSTS9010010", "AADSTS901002", "AADSTS500011")
    said = " ".join(evidence.saw)
    if seen is None and not any(code in said for code in ("AADSTS9010010", "AADSTS901002")):
        return None
    tries = _view(evidence).tries
    resource = seen.resource if seen is not None else (tries[0].resource if tries else "")
    observed = _said(seen) if seen is not None else f"The client saw: {said}"
    return Found(observed=(observed,), values={"resource": resource})


def _refused(evidence: Evidence, *words: str) -> AuthorizeTry | None:
    """Return the request of a client that exists, if its refusal has one of ``words``."""
    seen = _view(evidence).of(*_OWN)
    if seen is None or seen.outcome not in ("error page", "error redirect"):
        return None
    text = f"{seen.error} {seen.text}".lower()
    return seen if any(word.lower() in text for word in words) else None


def _said(seen: AuthorizeTry) -> str:
    return f"{seen.exchange.status} {seen.error} {seen.text[:300]}".replace("  ", " ").strip()
