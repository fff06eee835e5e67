"""Advice after a probe: why MCP clients cannot connect, and what to change."""

from collections.abc import Callable, Mapping

from doorward.idp.facts import Answer, Quirk
from doorward.idp.probe.attempts import ProbeAttempt
from doorward.idp.probe.measured import NOT_ADVERTISED, Advice

Row = Mapping[str, ProbeAttempt]
_SHUT = (Answer.NO, Answer.PARTLY)
Rule = Callable[[Row], Advice | None]


def advise(row: Row) -> tuple[Advice, ...]:
    """Return the advice; the problem that affects most clients comes first."""
    return tuple(found for rule in _RULES if (found := rule(row)) is not None)


def _pkce(row: Row) -> Advice | None:
    if row["pkce"].answer is Answer.YES:
        return None
    return Advice(
        "The metadata does not offer PKCE with S256, so clients must refuse to sign in.",
        'Publish code_challenge_methods_supported: ["S256"]. If the provider has no such setting, put your own authorization server in front.',
    )


def _found(row: Row) -> Advice | None:
    if row["rfc8414"].answer is not Answer.PARTLY or row["oidc"].answer is Answer.YES:
        return None
    return Advice(
        "The only metadata document is after the issuer's path, where OAuth clients do not look.",
        "Route /.well-known/oauth-authorization-server{path} to it.",
    )


def _client_id(row: Row) -> Advice | None:
    # Advice is only for what was measured.
    if row["rfc7591"].answer not in _SHUT or row["cimd"].answer is Answer.YES:
        return None
    return Advice(
        "Clients cannot get a client id on their own: the provider supports neither registration nor client ID metadata documents.",
        "Register a client manually, with its redirect URIs, and enter the client id in the MCP client.",
    )


def _registration(row: Row) -> Advice | None:
    cell = row["rfc7591"]
    if cell == NOT_ADVERTISED or cell.answer not in _SHUT:
        return None
    return Advice(
        f"The registration endpoint does not accept unknown clients ({cell.evidence}).",
        "Open it, or remove it from the metadata: clients try it first and stop there.",
    )


def _none(row: Row) -> Advice | None:
    if row["cimd"].answer is not Answer.PARTLY:
        return None
    return Advice(
        "Only clients that can keep a secret can use client ID metadata documents here.",
        "Add none to token_endpoint_auth_methods_supported; without it, some clients ignore these documents.",
    )


def _issuer_named(row: Row) -> Advice | None:
    if row["rfc9207"].answer is Answer.YES:
        return None
    return Advice(
        "Authorization responses do not name their issuer, so a client can mix up two providers.",
        "Turn on iss in authorization responses (RFC 9207), if the provider has it.",
    )


# The columns whose "yes" shows that there is nothing left to do about a quirk.
_SHOWN_BY = {
    "RFC 7591 §3": "rfc7591",
    "RFC 8414 §2; MCP 2026-07-28 authorization, PKCE": "pkce",
    "RFC 8414 §3": "rfc8414",
    "RFC 8707 §2": "rfc8707",
    "RFC 9207 §3": "rfc9207",
}


def measured_answer(quirk: Quirk, row: Row) -> Answer:
    """Return what the probe measured of a known quirk: ``YES`` if the provider does not have it."""
    column = _SHOWN_BY.get(quirk.departs_from)
    return row[column].answer if column else Answer.UNKNOWN


# Sorted by how many clients cannot connect: all, those without a client id, some.
_RULES: tuple[Rule, ...] = (_pkce, _found, _client_id, _registration, _none, _issuer_named)
