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
    groups = [one.get("id") for one in _list(found, "value")]
    # There are more pages: a list that is cut would refuse some members, and nobody would know why.
    return {} if "@odata.nextLink" in found else {"groups": groups}


async def _bitbucket_emails(
    _claims: Mapping[str, Any], tokens: ProviderTokens, get: Get
) -> Mapping[str, Any]:
    """Return the primary address, if Bitbucket has confirmed it; none without the scope ``email``."""
    try:
        found = await get("https://api.bitbucket.org/2.0/user/emails?pagelen=100", tokens)
    except ProviderAnswerRefused:
        return {"email": None}
    addresses = [one for one in _list(found, "values") if one.get("is_primary") is True]
    confirmed = [one.get("email") for one in addresses if one.get("is_confirmed") is True]
    return {"email": confirmed[0], "email_verified": True} if confirmed else {"email": None}


async def _bitbucket_workspaces(
    _claims: Mapping[str, Any], tokens: ProviderTokens, get: Get
) -> Mapping[str, Any]:
    """Return the slugs of the workspaces of which the account is a member."""
    try:
        found = await get("https://api.bitbucket.org/2.0/user/workspaces?pagelen=100", tokens)
    except ProviderAnswerRefused:
        return {}
    workspaces = [one.get("workspace") for one in _list(found, "values")]
    slugs = [one.get("slug") for one in workspaces if isinstance(one, dict)]
    # There are more pages: see Entra's groups.
    return {} if "next" in found else {"organizations": slugs}


async def _discord_guilds(
    _claims: Mapping[str, Any], tokens: ProviderTokens, get: Get
) -> Mapping[str, Any]:
    """Return the ids of the servers that the account has joined. Anybody can choose a server's name."""
    if tokens.scopes is not None and "guilds" not in tokens.scopes:
        return {}
    try:
        guilds = _list(await get("https://discord.com/api/users/@me/guilds", tokens))
    except ProviderAnswerRefused:
        return {}
    return {"organizations": [one.get("id") for one in guilds]}


async def _huggingface_organizations(
    claims: Mapping[str, Any], _tokens: ProviderTokens, _get: Get
) -> Mapping[str, Any]:
    """Return the organizations that admit the account now, without single sign-on or a second factor."""
    organizations = [
        one.get("preferred_username")
        for one in _list(claims, "orgs")
        if one.get("pendingSSO") is not True and one.get("missingMFA") is not True
    ]
    return {"organizations": organizations}


async def _propelauth_organizations(
    claims: Mapping[str, Any], _tokens: ProviderTokens, _get: Get
) -> Mapping[str, Any]:
    """Return the ids of the organizations; their members can change the names."""
    found = claims.get("org_id_to_org_info")
    return {"organizations": list(found)} if isinstance(found, dict) else {}


def _list(answer: Mapping[str, Any], name: str = "items") -> list[Mapping[str, Any]]:
    items = answer.get(name)
    return [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []


EXTENSIONS: Mapping[str, Extension] = {
    "bitbucket-emails": _bitbucket_emails,
    "bitbucket-workspaces": _bitbucket_workspaces,
    "discord-guilds": _discord_guilds,
    "entra-groups": _entra_groups,
    "github-emails": _github_emails,
    "github-organizations": _github_organizations,
    "huggingface-organizations": _huggingface_organizations,
    "propelauth-organizations": _propelauth_organizations,
}
"""By the name in a preset's ``sign_in.extensions``."""
