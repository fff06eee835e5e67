"""Rules about what a client said or does; they run last, because the others see the servers."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.findings.finding import Blame
from doorward.doctor.rules.rule import Found, RuleBook
from doorward.doctor.rules.sentences import is_explained, quoted, said, said_any
from doorward.idp.clients import CLIENTS, ConnectionFacts, McpClient
from doorward.wire.address import origin_of

BOOK = RuleBook()
_URL = re.compile(r"https?://[^\s\"'<>)\]},;]+")
# Not "invalid_client_metadata", which is about what the client registers.
_FORGOTTEN = re.compile(
    r"\binvalid_client\b|\b(unrecognized|unknown|invalid) client([_ ]?id)?\b(?! metadata)"
    r"|\bclient([_ ]?id)? (was |is |does )?(not (found|registered|recognized|exist)|unknown)",
    re.IGNORECASE,
)
_OAUTH_PATHS = ("/authorize", "/token", "/register", "/oauth/authorize", "/oauth/token")
_WELL_KNOWN = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")


@BOOK.late_rule("client-takes-scopes-from-issuer", needs=["issuers", "challenge"])
def takes_scopes_from_issuer(evidence: Evidence, _codes: frozenset[str]) -> Found | None:
    """Find a client that looks for scopes where the server's are not."""
    client, facts = _client(evidence)
    offered = _words(evidence.issuer and evidence.issuer.document.get("scopes_supported"))
    if client is None or facts is None or facts.scopes.value != ("issuer",) or not offered:
        return None
    missing = _named_scopes(evidence) - offered
    if not missing:
        return None
    return Found(
        observed=(
            f"The server names: {' '.join(sorted(_named_scopes(evidence)))}",
            f"The issuer names: {' '.join(sorted(offered))}",
        ),
        values={"client": client.title, "missing": " ".join(sorted(missing))},
    )


@BOOK.late_rule("client-ignores-issuer", needs=["issuers", "resource_metadata"])
def ignores_issuer(evidence: Evidence, codes: frozenset[str]) -> Found | None:
    """Find OAuth requests at the MCP host, although the metadata names another one."""
    issuer, origin = evidence.issuer, origin_of(evidence.target)
    if is_explained(codes) or issuer is None or issuer.is_fallback or issuer.used is None:
        return None
    endpoints = {str(value) for value in issuer.document.values()}
    for url in _urls(evidence):
        bare = url.partition("?")[0]
        at_server = bare.startswith(origin + "/") and urlsplit(bare).path in _OAUTH_PATHS
        if at_server and bare not in endpoints and origin_of(issuer.issuer) != origin:
            return Found(
                observed=(f"The client said: {url}",),
                values={"url": bare, "issuer": issuer.issuer},
            )
    return None


@BOOK.late_rule("client-drops-issuer-path", needs=["issuers"])
def drops_issuer_path(evidence: Evidence, codes: frozenset[str]) -> Found | None:
    """Find a request for the metadata of an issuer with a path, without that path."""
    issuer = evidence.issuer
    if (
        is_explained(codes)
        or issuer is None
        or issuer.used is None
        or not urlsplit(issuer.issuer).path.strip("/")
    ):
        return None
    wrong = {origin_of(issuer.issuer) + one for one in _WELL_KNOWN}
    for url in _urls(evidence):
        if url.rstrip("/.:") in wrong:
            return Found(
                observed=(f"The client said: {url}", f"The document is at {issuer.used.url}"),
                values={"url": url, "issuer": issuer.issuer},
            )
    return None


@BOOK.late_rule("client-does-not-step-up")
def does_not_step_up(evidence: Evidence, _codes: frozenset[str]) -> Found | None:
    """Find a client that shows the error it should have acted on."""
    client, facts = _client(evidence)
    if client is None or facts is None or facts.step_up.value or not facts.step_up.verified:
        return None
    if "insufficient_scope" not in said(evidence):
        return None
    return Found(observed=quoted(evidence), values={"client": client.title})


@BOOK.late_rule("client-id-forgotten", needs=["registration"])
def id_forgotten(evidence: Evidence, codes: frozenset[str]) -> Found | None:
    """Find a client id that the issuer once gave and does not know."""
    assert evidence.registration is not None
    is_given = evidence.authorize is not None and evidence.authorize.of("given") is not None
    # Without registration, the id is what somebody entered, and a wrong secret says the same.
    if is_explained(codes) or is_given or evidence.registration.endpoint is None:
        return None
    is_said = any(_FORGOTTEN.search(one) for one in evidence.saw)
    return Found(observed=quoted(evidence)) if is_said else None


@BOOK.late_rule("client-lost-state")
def lost_state(evidence: Evidence, _codes: frozenset[str]) -> Found | None:
    """Find the sentence of a platform that lost its own state."""
    return _if_said(evidence, ("oauth state not found",))


@BOOK.late_rule("callback-port-taken")
def callback_port_taken(evidence: Evidence, _codes: frozenset[str]) -> Found | None:
    """Find a client whose listener cannot start."""
    return _if_said(evidence, ("eaddrinuse", "address already in use"))


@BOOK.late_rule("consent-page-blocks-redirect")
def consent_page_blocks_redirect(evidence: Evidence, _codes: frozenset[str]) -> Found | None:
    """Find the browser's message about ``form-action``."""
    return _if_said(evidence, ("form-action", "refused to send form data"))


@BOOK.late_rule("client-redirect-uri-missing")
def redirect_uri_missing(evidence: Evidence, _codes: frozenset[str]) -> Found | None:
    """Find an issuer's refusal of a redirect URI in what the client showed."""
    client, _ = _client(evidence)
    words = ("aadsts50011", "redirect_uri_mismatch", "invalid parameter: redirect_uri")
    found = _if_said(evidence, words)
    if found is None:
        return None
    view = evidence.registration
    registers = view is not None and view.endpoint is not None
    return Found(
        observed=found.observed,
        values={
            "client": "the client" if client is None else client.title,
            "uris": "the redirect URI in the error"
            if client is None
            else ", ".join(client.redirect_uris.value),
        },
        blame=Blame.UNSURE if registers else None,
        decide=None if registers else "",
    )


@BOOK.late_rule("admin-consent-needed")
def admin_consent_needed(evidence: Evidence, _codes: frozenset[str]) -> Found | None:
    """Find a directory that wants an administrator's consent."""
    return _if_said(evidence, ("aadsts65001", "aadsts90094", "need admin approval"))


@BOOK.late_rule("user-not-assigned")
def user_not_assigned(evidence: Evidence, _codes: frozenset[str]) -> Found | None:
    """Find a user whom the directory does not admit to the application."""
    words = ("aadsts50105", "user is not assigned to the client application")
    return _if_said(evidence, words)


@BOOK.late_rule("client-distrusts-certificate", needs=["endpoint"])
def distrusts_certificate(evidence: Evidence, codes: frozenset[str]) -> Found | None:
    """Find a refusal of a certificate that the doctor itself accepted."""
    words = (
        "self-signed certificate",
        "self signed certificate",
        "unable_to_get_issuer_cert",
        "unable to get local issuer certificate",
        "certificate_verify_failed",
    )
    return None if is_explained(codes) or evidence.is_local else _if_said(evidence, words)


@BOOK.late_rule("nothing-wrong-from-outside", needs=["endpoint"])
def nothing_wrong(evidence: Evidence, codes: frozenset[str]) -> Found | None:
    """Find a sentence that nothing explains."""
    return Found(observed=quoted(evidence)) if evidence.saw and not codes else None


def _client(evidence: Evidence) -> tuple[McpClient | None, ConnectionFacts | None]:
    client = next((one for one in CLIENTS if one.name == evidence.persona), None)
    return client, None if client is None else client.connection


def _if_said(evidence: Evidence, words: Collection[str]) -> Found | None:
    return Found(observed=quoted(evidence)) if said_any(evidence, words) else None


def _urls(evidence: Evidence) -> list[str]:
    return [url for one in evidence.saw for url in _URL.findall(one)]


def _named_scopes(evidence: Evidence) -> set[str]:
    """Return the scopes that the server names where MCP says."""
    challenge, metadata = evidence.challenge, evidence.resource_metadata
    if challenge is not None and challenge.scope:
        return set(challenge.scope.split())
    return _words(metadata and metadata.document.get("scopes_supported"))


def _words(value: object) -> set[str]:
    return {one for one in value if isinstance(one, str)} if isinstance(value, list) else set()
