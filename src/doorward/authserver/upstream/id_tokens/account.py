"""An account from a provider's claims. Pure: a claim of another type counts as absent."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from doorward.authserver.settings.admission import ProviderAccount
from doorward.authserver.upstream.id_tokens.id_token import LONGEST_SUBJECT
from doorward.authserver.upstream.refusals import ProviderAnswerRefused
from doorward.authserver.users.email_address import is_email_address
from doorward.idp.sign_in import ProviderSignIn

_LONGEST_TEXT = 512
_MOST_GROUPS = 5_000


def read_account(
    issuer: str,
    claims: Mapping[str, Any],
    facts: ProviderSignIn,
    id_token_claims: Mapping[str, Any] = MappingProxyType({}),
) -> ProviderAccount:
    """
    Return the account that ``claims`` of an ID token or of the userinfo endpoint describe.

    How the user was authenticated comes from ``id_token_claims`` alone: other sources do not say it
    of this sign-in.

    Raises:
        ProviderAnswerRefused: 502, there is no subject.

    Spec: OpenID Connect Core 1.0 §5.1, §5.7
    """
    subject = claims.get(facts.subject_claim)
    # GitHub, GitLab and Discord number their users; a boolean is an int too.
    if type(subject) is int:
        subject = str(subject)
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise ProviderAnswerRefused(f"{facts.subject_claim} is absent, empty or too long")
    address = _first_text(claims, facts.email_claims)
    email = (
        address if address and _is_verified(claims, facts) and is_email_address(address) else None
    )
    organizations = [_text_or_texts(claims, name) for name in facts.organization_claims]
    return ProviderAccount(
        issuer=issuer,
        subject=subject,
        username=_first_text(claims, facts.username_claims),
        name=_first_text(claims, facts.name_claims),
        email=email,
        domains=_domains(claims, facts, email),
        organizations=frozenset().union(*organizations),
        groups=_texts(claims.get(facts.groups_claim)) if facts.groups_claim else frozenset(),
        acr=_text(id_token_claims, "acr"),
        amr=_texts(id_token_claims.get("amr")),
        auth_time=_seconds(id_token_claims.get("auth_time")),
        ignored=tuple(name for name, right in _types(facts).items() if not right(claims.get(name))),
        claims=dict(claims),
    )


def _types(facts: ProviderSignIn) -> dict[str, Callable[[object], bool]]:
    """Return for each claim that is read whether a value has a type that counts."""
    texts = (*facts.email_claims, *facts.name_claims, *facts.username_claims)
    found = dict.fromkeys(texts, lambda value: value is None or isinstance(value, str))
    counts = bool | str if facts.email_verified == "true or text" else bool
    found[facts.email_verified_claim] = lambda value: value is None or isinstance(value, counts)
    if facts.groups_claim is not None:
        found[facts.groups_claim] = lambda value: value in (None, []) or bool(_texts(value))
    return found


def _is_verified(claims: Mapping[str, Any], facts: ProviderSignIn) -> bool:
    verified = claims.get(facts.email_verified_claim)
    match facts.email_verified:
        case "true":
            return verified is True
        case "true or text":
            return verified is True or verified == "true"
        case "always":
            return True
        case "never":
            return False


def _domains(claims: Mapping[str, Any], facts: ProviderSignIn, email: str | None) -> frozenset[str]:
    if facts.domain_claim is not None:
        domain = _text(claims, facts.domain_claim)
        return frozenset() if domain is None else frozenset({domain.lower()})
    return frozenset() if email is None else frozenset({email.rpartition("@")[2].lower()})


def _first_text(claims: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((text for name in names if (text := _text(claims, name)) is not None), None)


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT else None


def _text_or_texts(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    text = _text(claims, name)
    return _texts(claims.get(name)) if text is None else frozenset({text})


def _seconds(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) and 0 < value < 1e12 else None


def _texts(value: object) -> frozenset[str]:
    # Not a text: "admins" is a sequence of letters, and "a,b" is split by nobody alike.
    if not isinstance(value, list) or len(value) > _MOST_GROUPS:
        return frozenset()
    if not all(isinstance(one, str) and one for one in value):
        return frozenset()
    return frozenset(value)
