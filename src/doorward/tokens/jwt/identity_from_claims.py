"""The Identity that verified claims describe."""

from collections.abc import Mapping
from functools import lru_cache
from re import Pattern
from typing import Any

from doorward.errors import MissingClaim
from doorward.identity import Identity, Kind
from doorward.tokens.jwt.profile import ClaimPath, TokenProfile
from doorward.wire.oauth.scope import parse_scope

Claims = Mapping[str, Any]
_NONE: frozenset[str] = frozenset()
# Tokens repeat a few scope strings. Only verified tokens reach this cache.
_parse_scope = lru_cache(maxsize=512)(parse_scope)


def read_identity(claims: Claims, profile: TokenProfile, payload: bytes) -> Identity:
    """
    Return who is calling. ``payload`` is the JSON that ``claims`` were read from.

    Does not repeat what ``checks`` has checked.

    Raises:
        MissingClaim: the scopes are neither a string nor a list of strings.

    Spec: RFC 9068 §2.2, §5
    """
    subject = _first(claims, profile.subject_claims) or ""
    client = _first(claims, profile.client_claims)
    return Identity(
        issuer=claims["iss"],
        subject=subject,
        client_id=client,
        scopes=read_scopes(claims, profile.scope_claims),
        roles=read_roles(claims, profile.role_paths),
        expires_at=float(claims["exp"]),
        kind=_kind(claims, profile, subject, client),
        name=_first(claims, profile.name_claims),
        token_id=_first(claims, profile.token_id_claims),
        claims_json=payload,
    )


def read_scopes(claims: Claims, names: tuple[str, ...]) -> frozenset[str]:
    """
    Return the scopes in the first of ``names`` that the token has: a string or a list.

    Raises:
        MissingClaim: it is neither, or not a valid scope string.

    Spec: RFC 9068 §2.2.3; RFC 8693 §4.2; RFC 6749 §3.3
    """
    for name in names:
        if name not in claims:
            continue
        value = claims[name]
        if type(value) is str:
            scopes = _parse_scope(value)
        elif isinstance(value, list) and all(isinstance(one, str) for one in value):
            # One scope per entry: "a b" in a list is not a scope, and split it would grant two.
            scopes = (
                parse_scope(" ".join(value))
                if all(one and " " not in one for one in value)
                else None
            )
        else:
            scopes = None
        if scopes is None:
            raise MissingClaim(f"{name} is neither scopes in a text nor a list of scopes")
        return scopes
    return _NONE


def read_roles(claims: Claims, paths: tuple[ClaimPath, ...]) -> frozenset[str]:
    """
    Return all roles under ``paths``.

    A value that is neither a string nor a list of strings gives no roles. Roles only add
    permissions, so reading fewer is safe.
    """
    found: list[str] = []
    for path in paths:
        # The whole name first: "https://mcp.example/roles" is one claim, with dots in its name.
        value = claims[path] if isinstance(path, str) and path in claims else _at(claims, path)
        if type(value) is list:
            found += [one for one in value if type(one) is str]
        elif type(value) is str:
            found.append(value)
    return frozenset(found) if found else _NONE


def _at(claims: Claims, path: ClaimPath) -> Any:
    value: Any = claims
    for part in path.split(".") if isinstance(path, str) else path:
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def _first(claims: Claims, names: tuple[str, ...]) -> str | None:
    for name in names:
        if name in claims:
            value = claims[name]
            return value if type(value) is str else None
    return None


def _kind(claims: Claims, profile: TokenProfile, subject: str, client: str | None) -> Kind:
    if client is not None:
        for form in profile.service_subjects:
            if subject == (client if form == "{client}" else form.replace("{client}", client)):
                return "service"
    marks = profile.service_claims
    if marks and any(name in claims and _fits(claims[name], marks[name]) for name in marks):
        return "service"
    if profile.person_claims and profile.person_claims.isdisjoint(claims):
        return "service"
    return "person"


def _fits(said: object, wanted: str | Pattern[str] | None) -> bool:
    if isinstance(wanted, Pattern):
        return isinstance(said, str) and wanted.fullmatch(said) is not None
    return wanted is None or said == wanted
