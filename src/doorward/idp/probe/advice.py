"""Advice after a probe: what keeps MCP clients out, and what to change."""

from collections.abc import Callable, Mapping

from doorward.idp.facts import Answer
from doorward.idp.probe.attempts import ProbeAttempt
from doorward.idp.probe.measured import NOT_ADVERTISED, Advice

Row = Mapping[str, ProbeAttempt]
_SHUT = (Answer.NO, Answer.PARTLY)
Rule = Callable[[Row], Advice | None]


def advise(row: Row) -> tuple[Advice, ...]:
    """Return the advice; what keeps most clients out comes first."""
    return tuple(found for rule in _RULES if (found := rule(row)) is not None)


def _pkce(row: Row) -> Advice | None:
    if row["pkce"].answer is Answer.YES:
        return None
    return Advice(
        "The metadata does not offer PKCE with S256, and clients must refuse to sign in then.",
        'Publish code_challenge_methods_supported: ["S256"]; where that is no setting, put an authorization server of your own in front.',
    )


def _found(row: Row) -> Advice | None:
    if row["rfc8414"].answer is not Answer.PARTLY or row["oidc"].answer is Answer.YES:
        return None
    return Advice(
        "The only document is behind the path, where clients do not look.",
        "Route /.well-known/oauth-authorization-server{path} to it.",
    )


def _client_id(row: Row) -> Advice | None:
    # No advice about what was not measured.
    if row["rfc7591"].answer not in _SHUT or row["cimd"].answer is Answer.YES:
        return None
    return Advice(
        "A client cannot get a client id by itself here: neither by registering nor by a document.",
        "Register one client by hand, with the client's redirect URIs, and type its client id into the client.",
    )


def _registration(row: Row) -> Advice | None:
    cell = row["rfc7591"]
    if cell == NOT_ADVERTISED or cell.answer not in _SHUT:
        return None
    return Advice(
        f"The registration endpoint does not serve strangers ({cell.evidence}).",
        "Open it, or take it out of the metadata: clients try it first and stop there.",
    )


def _none(row: Row) -> Advice | None:
    if row["cimd"].answer is not Answer.PARTLY:
        return None
    return Advice(
        "Client ID metadata documents are offered to clients that can keep a secret alone.",
        "Add none to token_endpoint_auth_methods_supported; some clients ignore the offer without it.",
    )


def _issuer_named(row: Row) -> Advice | None:
    if row["rfc9207"].answer is Answer.YES:
        return None
    return Advice(
        "Authorization responses do not say who sent them, so answers of two servers can be mixed up.",
        "Turn on iss in authorization responses (RFC 9207), if the provider has it.",
    )


# In the order of how many clients are kept out: all, those without a client id, some.
_RULES: tuple[Rule, ...] = (_pkce, _found, _client_id, _registration, _none, _issuer_named)
