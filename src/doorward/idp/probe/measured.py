"""The row of the table that metadata and attempts show."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from doorward.idp.facts import Answer
from doorward.idp.probe.attempts import ProbeAttempt
from doorward.idp.probe.discovery import TriedForm

NOT_ADVERTISED = ProbeAttempt(Answer.NO, "not advertised")
_AUTH_METHODS = "token_endpoint_auth_methods_supported"


@dataclass(frozen=True)
class Advice:
    """Something that keeps MCP clients out, and what to change."""

    problem: str
    change: str


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A measured provider: one ``ProbeAttempt`` per column, in the order of the table."""

    issuer: str
    tried: tuple[TriedForm, ...]
    row: Mapping[str, ProbeAttempt]
    differences: tuple[str, ...]
    advice: tuple[Advice, ...]

    @property
    def left_behind(self) -> tuple[str, ...]:
        """What the probe could not delete; usually empty."""
        return tuple(cell.left_behind for cell in self.row.values() if cell.left_behind)


def for_clients(tried: tuple[TriedForm, ...], issuer: str) -> Mapping[str, Any]:
    """Return the document that a client uses: the first one that names ``issuer``."""
    found = next((one.document for one in tried if one.speaks_for(issuer)), None)
    return found or {}


def row_of(
    tried: tuple[TriedForm, ...],
    issuer: str,
    *,
    registration: ProbeAttempt,
    introspection: ProbeAttempt,
    revocation: ProbeAttempt,
    keys: ProbeAttempt,
) -> dict[str, ProbeAttempt]:
    """Return one cell per column of the table."""
    document = for_clients(tried, issuer)
    return {
        "pkce": _pkce(document),
        "rfc8414": _oauth(tried, issuer),
        "rfc7591": registration,
        "rfc8707": ProbeAttempt(Answer.UNKNOWN, "not measured: metadata has no member for it"),
        "oidc": _openid(tried, issuer),
        "cimd": _cimd(document),
        "rfc9207": _flag(document, "authorization_response_iss_parameter_supported"),
        "dpop": _listed(document, "dpop_signing_alg_values_supported"),
        "jwt": keys,
        "introspection": introspection,
        "revocation": revocation,
    }


def _pkce(document: Mapping[str, Any]) -> ProbeAttempt:
    methods = document.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" in methods:
        return ProbeAttempt(Answer.YES, "S256 advertised; not measured without a sign-in")
    # Only a sign-in shows whether it works: an authorization request without a real client is
    # refused before the challenge is read.
    return ProbeAttempt(Answer.NO, "S256 not advertised; whether it works was not measured")


def _oauth(tried: tuple[TriedForm, ...], issuer: str) -> ProbeAttempt:
    found = [one for one in tried if one.form.kind == "oauth" and one.speaks_for(issuer)]
    if not found:
        return ProbeAttempt(Answer.NO, "no document that names this issuer")
    names = " and ".join(one.form.name for one in found)
    seen = any(one.form.for_clients for one in found)
    return ProbeAttempt(Answer.YES if seen else Answer.PARTLY, f"found: {names}")


def _openid(tried: tuple[TriedForm, ...], issuer: str) -> ProbeAttempt:
    found = [one for one in tried if one.form.kind == "openid" and one.speaks_for(issuer)]
    if not found:
        return ProbeAttempt(Answer.NO, "no document that names this issuer")
    return ProbeAttempt(Answer.YES, "found: " + " and ".join(one.form.name for one in found))


def _cimd(document: Mapping[str, Any]) -> ProbeAttempt:
    if document.get("client_id_metadata_document_supported") is not True:
        return NOT_ADVERTISED
    methods = document.get(_AUTH_METHODS)
    if isinstance(methods, list) and "none" in methods:
        return ProbeAttempt(Answer.YES, "advertised, with the authentication method none")
    return ProbeAttempt(Answer.PARTLY, f"advertised, and {_AUTH_METHODS} lacks none")


def _flag(document: Mapping[str, Any], name: str) -> ProbeAttempt:
    return ProbeAttempt(Answer.YES, "advertised") if document.get(name) is True else NOT_ADVERTISED


def _listed(document: Mapping[str, Any], name: str) -> ProbeAttempt:
    values = document.get(name)
    if not isinstance(values, list) or not values:
        return NOT_ADVERTISED
    return ProbeAttempt(Answer.YES, "advertised: " + ", ".join(map(str, values))[:200])
