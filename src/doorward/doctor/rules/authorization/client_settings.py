"""Rules about what a client is set to or keeps, where the server and the issuer are right."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from doorward.doctor.evidence.difference import difference
from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.findings.finding import Blame
from doorward.doctor.rules import answers
from doorward.doctor.rules.authorization.registration import WANTS_REGISTRATION
from doorward.doctor.rules.metadata.resource_metadata import covers
from doorward.doctor.rules.rule import Found, RuleBook
from doorward.doctor.rules.sentences import is_explained, quoted, said, said_any
from doorward.idp.clients import CLIENTS

BOOK = RuleBook()
# The Python and TypeScript SDKs and what builds on them; then VS Code.
_MISMATCH = (
    re.compile(
        r"protected resource (https?://\S+) does not match expected (https?://\S+)", re.IGNORECASE
    ),
    re.compile(
        r'resource "(https?://[^"\s]+)" does not match MCP server resolved resource '
        r'"(https?://[^"\s]+)"',
        re.IGNORECASE,
    ),
)
_UNRESOLVED = re.compile(
    r"(?:ENOTFOUND|could not resolve host:?|EAI_AGAIN)\s+([\w.-]+)", re.IGNORECASE
)
_OLD_TRANSPORT = re.compile(
    r"sse error: (?:invalid content type|non-200 status code)", re.IGNORECASE
)
_UNSET = re.compile(r"bearer\s+(?:\$\{?\w|\$env:|%\w+%|undefined\b|null\b|<)", re.IGNORECASE)
_SCOPES = re.compile(
    r"(?:invalid[ _]scopes?|scopes? (?:are|is) not (?:valid|allowed)|unknown scopes?)\W+(.+)",
    re.IGNORECASE,
)


def _mismatch(evidence: Evidence) -> tuple[str, str] | None:
    """Return the resource that the client read, and the one that it expected."""
    for one in evidence.saw:
        for pattern in _MISMATCH:
            if (found := pattern.search(one)) is not None:
                return found[1].rstrip(".,;"), found[2].rstrip(".,;")
    return None


@BOOK.late_rule("client-has-other-url", needs=["endpoint"])
def has_other_url(evidence: Evidence, codes: frozenset[str]) -> Found | None:
    """Find a client that connects to another URL than the one under examination."""
    if is_explained(codes):
        return None
    compared = _mismatch(evidence)
    other = compared[1] if compared is not None else _unresolved(evidence)
    if other is None or other == evidence.target:
        return None
    resource = evidence.resource_metadata and evidence.resource_metadata.resource
    return Found(observed=quoted(evidence), values={"other": other, "url": resource or evidence.target})  # fmt: skip


def _unresolved(evidence: Evidence) -> str | None:
    found = _UNRESOLVED.search(" ".join(evidence.saw))
    if found is None:
        return None
    host = found[1].lower().rstrip(".")
    known = {urlsplit(one.url).hostname for one in evidence.exchanges}
    known.add(urlsplit(evidence.target).hostname)
    return None if host in known else host


@BOOK.late_rule("client-cannot-resolve", needs=["endpoint"])
def cannot_resolve(evidence: Evidence, codes: frozenset[str]) -> Found | None:
    """Find a client that does not resolve a name which resolves here."""
    found = _UNRESOLVED.search(" ".join(evidence.saw))
    if is_explained(codes) or found is None or _unresolved(evidence) is not None:
        return None
    return Found(observed=quoted(evidence), values={"host": found[1]})


@BOOK.late_rule("resource-not-exact", needs=["resource_metadata"])
def resource_not_exact(evidence: Evidence, codes: frozenset[str]) -> Found | None:
    """Find a resource that lenient clients accept for the URL, and that this client refuses."""
    view = evidence.resource_metadata
    assert view is not None
    resource, target = view.resource, evidence.target
    if is_explained(codes) or resource is None or not is_inexact(resource, target):
        return None
    if _mismatch(evidence) != (resource, target) and not _is_strict(evidence.persona):
        return None
    # With or without a slash, it is one server: the user can enter what the server publishes.
    slash_only = resource.rstrip("/") == target.rstrip("/")
    return Found(
        observed=(f"resource is {resource}; the client was given {target}", *quoted(evidence)),
        values={
            "difference": difference(resource, target),
            "resource": resource,
            "url": target,
        },
        blame=Blame.CONFIGURATION if slash_only else None,
    )


def is_inexact(resource: str, target: str) -> bool:
    """Return whether lenient clients accept ``resource`` for ``target``, and strict ones do not."""
    if not covers(resource, target):
        return False
    # An origin with and without a slash is one URL, also for strict clients.
    at_root = urlsplit(target).path in ("", "/") and urlsplit(resource).path in ("", "/")
    return resource != target and not at_root


def strict_clients() -> str:
    """Return the titles of the clients that accept no parent as the resource."""
    return ", ".join(
        client.title
        for client in CLIENTS
        if client.connection is not None and client.connection.resource_match.value != "parent"
    )


def _is_strict(persona: str) -> bool:
    client = next((one for one in CLIENTS if one.name == persona), None)
    if client is None or client.connection is None:
        return False
    match = client.connection.resource_match
    return match.verified and match.value != "parent"


@BOOK.late_rule("client-keeps-old-metadata", needs=["resource_metadata", "issuers"])
def keeps_old_metadata(evidence: Evidence, codes: frozenset[str]) -> Found | None:
    """Find a client that speaks of metadata which is not what is published now."""
    view, issuer = evidence.resource_metadata, evidence.issuer
    assert view is not None
    if is_explained(codes) or issuer is None or issuer.used is None:
        return None
    compared = _mismatch(evidence)
    if compared is not None and view.resource is not None and compared[0] != view.resource:
        now = f"The metadata says resource {view.resource}."
    elif _lacks_published_registration(evidence):
        now = f"The metadata says registration_endpoint {issuer.document['registration_endpoint']}."
    elif "code challenge method" in said(evidence) and _has_s256(issuer.document):
        now = "The metadata says code_challenge_methods_supported with S256."
    else:
        return None
    return Found(observed=(*quoted(evidence), now), values={"now": now})


def _lacks_published_registration(evidence: Evidence) -> bool:
    view = evidence.registration
    return said_any(evidence, WANTS_REGISTRATION) and view is not None and view.endpoint is not None


def _has_s256(document: Mapping[str, Any]) -> bool:
    offered = document.get("code_challenge_methods_supported")
    return isinstance(offered, list) and "S256" in offered


@BOOK.late_rule("client-lacks-documents", needs=["registration"])
def lacks_documents(evidence: Evidence, codes: frozenset[str]) -> Found | None:
    """Find a client that wants to register where the issuer takes metadata documents instead."""
    view = evidence.registration
    assert view is not None
    if is_explained(codes) or view.endpoint is not None or not view.documents:
        return None
    if not said_any(evidence, WANTS_REGISTRATION):
        return None
    return Found(
        observed=(
            *quoted(evidence),
            "client_id_metadata_document_supported is true, and there is no registration_endpoint.",
        )
    )


@BOOK.late_rule("client-uses-old-transport", needs=["endpoint"])
def uses_old_transport(evidence: Evidence, codes: frozenset[str]) -> Found | None:
    """Find a client that is set to the transport of 2024-11-05."""
    assert evidence.endpoint is not None
    if is_explained(codes) or not answers.reached(evidence.endpoint):
        return None
    is_said = any(_OLD_TRANSPORT.search(one) for one in evidence.saw)
    return Found(observed=quoted(evidence)) if is_said else None


@BOOK.late_rule("client-variable-not-set")
def variable_not_set(evidence: Evidence, codes: frozenset[str]) -> Found | None:
    """Find a placeholder where a token belongs."""
    is_said = any(_UNSET.search(one) for one in evidence.saw)
    return Found(observed=quoted(evidence)) if is_said and not is_explained(codes) else None


@BOOK.late_rule("client-races-refresh")
def races_refresh(evidence: Evidence, codes: frozenset[str]) -> Found | None:
    """Find two processes of a client that use one refresh token."""
    words = ("token reuse", "refresh token has already been used", "refresh_token_reused",
             "reuse detected", "already been rotated", "refresh token was already")  # fmt: skip
    if is_explained(codes) or not said_any(evidence, words):
        return None
    return Found(observed=quoted(evidence))


@BOOK.late_rule("client-asks-other-scopes", needs=["challenge"])
def asks_other_scopes(evidence: Evidence, codes: frozenset[str]) -> Found | None:
    """Find a refusal of scopes that neither the server nor the issuer names."""
    refused = next((found[1] for one in evidence.saw if (found := _SCOPES.search(one))), None)
    if is_explained(codes) or refused is None:
        return None
    words = [word.strip("\"'`,.;()[]{}") for word in refused.split()]
    asked = [word for word in words if "/.well-known/" in word or _is_elsewhere(word, evidence)]
    if not asked:
        return None
    return Found(observed=quoted(evidence), values={"asked": " ".join(asked[:5])})


def _is_elsewhere(word: str, evidence: Evidence) -> bool:
    """Return whether ``word`` looks like a scope, and is none of those that somebody names."""
    named = set((evidence.challenge.scope or "").split()) if evidence.challenge else set()
    for view in (evidence.resource_metadata, evidence.issuer):
        listed = view.document.get("scopes_supported") if view is not None else None
        named |= set(map(str, listed)) if isinstance(listed, list) else set()
    # An ordinary word of the sentence has none of these.
    return bool(named) and any(mark in word for mark in ":/._") and word not in named
