"""What data cannot say: claims that some providers keep behind an API of their own."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from doorward.authserver.upstream.refusals import ProviderAnswerRefused
from doorward.authserver.upstream.responses import ProviderTokens
from doorward.idp.sign_in import ProviderSignIn

Get = Callable[[str, ProviderTokens], Awaitable[Mapping[str, Any]]]
Extension = Callable[[Mapping[str, Any], ProviderTokens, Get], Awaitable[Mapping[str, Any]]]


async def extend_claims(
    facts: ProviderSignIn, claims: Mapping[str, Any], tokens: ProviderTokens, get: Get
) -> Mapping[str, Any]:
    """
    Return ``claims`` with what the provider's extensions add.

    ``get`` returns a JSON object from an API of the provider; a list is under ``items``.

    Raises:
        ProviderUnavailable: 503.
    """
    for name in facts.extensions:
        claims = {**claims, **await EXTENSIONS[name](claims, tokens, get)}
    return claims


async def _github_emails(
    _claims: Mapping[str, Any], tokens: ProviderTokens, get: Get
) -> Mapping[str, Any]:
    """Return the primary address, if GitHub has verified it; the profile's one is only claimed."""
    found = await get("https://api.github.com/user/emails", tokens)
    addresses = [one for one in _list(found) if one.get("primary") is True]
    verified = [one for one in addresses if one.get("verified") is True]
    if not verified:
        return {"email": None}
    return {"email": verified[0].get("email"), "email_verified": True}


async def _github_organizations(
    _claims: Mapping[str, Any], tokens: ProviderTokens, get: Get
) -> Mapping[str, Any]:
    """Return the organizations and teams that the token may see."""
    if tokens.scopes is not None and "read:org" not in tokens.scopes:
        return {}
    try:
        organizations = _list(await get("https://api.github.com/user/orgs?per_page=100", tokens))
        teams = _list(await get("https://api.github.com/user/teams?per_page=100", tokens))
    except ProviderAnswerRefused:
        return {}
    groups = [
        f"{team['organization']['login']}/{team['slug']}"
        for team in teams
        if isinstance(team.get("organization"), dict) and isinstance(team.get("slug"), str)
    ]
    return {"organizations": [one.get("login") for one in organizations], "groups": groups}


async def _entra_groups(
    claims: Mapping[str, Any], tokens: ProviderTokens, get: Get
) -> Mapping[str, Any]:
    """Return the groups of an account that has too many for a token; none without permission."""
    elsewhere = claims.get("_claim_names")
    if not isinstance(elsewhere, dict) or "groups" not in elsewhere:
        return {}
    url = "https://graph.microsoft.com/v1.0/me/transitiveMemberOf?$select=id&$top=999"
    try:
        found = await get(url, tokens)
    except ProviderAnswerRefused:
        return {}
    groups = [one.get("id") for one in _list({"items": found.get("value")})]
    # There are more pages: a list that is cut would refuse some members, and nobody would know why.
    return {} if "@odata.nextLink" in found else {"groups": groups}


def _list(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    items = answer.get("items")
    return [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []


EXTENSIONS: Mapping[str, Extension] = {
    "entra-groups": _entra_groups,
    "github-emails": _github_emails,
    "github-organizations": _github_organizations,
}
"""By the name in a preset's ``sign_in.extensions``."""
