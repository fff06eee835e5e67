"""How to sign people in at a provider: what to register, who may enter, and what it costs."""

from collections.abc import Iterable, Mapping
from typing import Any

from doorward.idp.facts import Fact
from doorward.idp.preset import Preset
from doorward.idp.rendering import doubt, fact_document
from doorward.idp.sign_in import OPENID_SIGN_IN, ProviderSignIn

NOT_TOLD = "not supported: the provider does not tell"

# What these extensions of ``authserver/upstream`` put in place of a claim.
_EXTENSIONS: Mapping[str, Mapping[str, str]] = {
    "bitbucket-workspaces": {"organizations": "the slugs of the user's workspaces"},
    "discord-guilds": {"organizations": "the ids of the servers that the user has joined"},
    "entra-groups": {"groups": "the claim groups; Microsoft Graph for an account with many groups"},
    "github-organizations": {
        "organizations": "the names of the user's organizations",
        "groups": "the user's teams, such as acme/mcp",
    },
    "huggingface-organizations": {"organizations": "the names of the user's organizations"},
    "propelauth-organizations": {"organizations": "the ids of the user's organizations"},
}


def sign_in_of(preset: Preset) -> ProviderSignIn:
    """Return how people are signed in at a provider."""
    return preset.sign_in or OPENID_SIGN_IN


def callback_url(preset: Preset, host: str = "YOUR-HOST") -> str:
    """Return the URL to register at the provider."""
    return f"https://{host}/callback/{preset.name}"


def admission_in_words(preset: Preset) -> list[tuple[str, str]]:
    """Return the conditions of ``Allow``, each with what it reads at this provider."""
    sign_in = sign_in_of(preset)
    addresses = _addresses(sign_in)
    domains = f"the domain of {addresses}" if addresses else NOT_TOLD
    if sign_in.domain_claim is not None:
        domains = f"the claim {sign_in.domain_claim}"
    return [
        ("domains", domains),
        ("organizations", _memberships(sign_in, "organizations", sign_in.organization_claims)),
        (
            "groups",
            _memberships(
                sign_in, "groups", (sign_in.groups_claim,) if sign_in.groups_claim else ()
            ),
        ),
        ("emails", addresses or NOT_TOLD),
        ("subjects", f"the claim {sign_in.subject_claim}"),
    ]


def _addresses(sign_in: ProviderSignIn) -> str | None:
    names = ", else ".join(sign_in.email_claims)
    claim = sign_in.email_verified_claim
    match sign_in.email_verified:
        case "true":
            return f"{names}, if {claim} is true"
        case "true or text":
            return f'{names}, if {claim} is true or the text "true"'
        case "always":
            return names
        case "never":
            return None


def _memberships(sign_in: ProviderSignIn, what: str, claims: tuple[str, ...]) -> str:
    for extension in sign_in.extensions:
        if (told := _EXTENSIONS.get(extension, {}).get(what)) is not None:
            return told
    return "the claim " + ", else ".join(claims) if claims else NOT_TOLD


def sign_in_in_words(preset: Preset) -> list[tuple[str, str]]:
    """Return what an operator must know, as (name, sentence) pairs."""
    sign_in = sign_in_of(preset)
    told = [("callback URL", callback_url(preset))]
    if sign_in.redirect_screen is not None:
        told.insert(0, ("where", sign_in.redirect_screen.value + doubt(sign_in.redirect_screen)))
    told += [(f"Allow({name}=…)", reads) for name, reads in admission_in_words(preset)]
    for name, facts in _kinds(sign_in):
        told += [(name, fact.value + doubt(fact)) for fact in facts]
    return told


def _kinds(sign_in: ProviderSignIn) -> Iterable[tuple[str, tuple[Fact[str], ...]]]:
    return (
        ("cost", sign_in.cost),
        ("sessions", sign_in.refresh),
        ("limit", sign_in.limits),
        ("fact", sign_in.facts),
    )


def sign_in_document(preset: Preset) -> dict[str, Any]:
    """Return the same for JSON."""
    sign_in = sign_in_of(preset)
    screen = sign_in.redirect_screen
    return {
        "where": None if screen is None else fact_document(screen),
        "callback_path": f"/callback/{preset.name}",
        "scopes": list(sign_in.scopes),
        "admission": dict(admission_in_words(preset)),
        **{
            name: [fact_document(fact) for fact in facts]
            for name, facts in (
                ("cost", sign_in.cost),
                ("sessions", sign_in.refresh),
                ("limits", sign_in.limits),
                ("facts", sign_in.facts),
            )
        },
    }


def sign_in_facts(sign_in: ProviderSignIn) -> tuple[Fact[str], ...]:
    """Return every fact for people, the screen first."""
    screen = () if sign_in.redirect_screen is None else (sign_in.redirect_screen,)
    return (*screen, *sign_in.cost, *sign_in.refresh, *sign_in.limits, *sign_in.facts)
