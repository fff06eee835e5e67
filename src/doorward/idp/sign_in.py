"""How people are signed in at a provider: data, with the defaults of OpenID Connect."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Literal

from doorward.idp.facts import Fact

EmailVerified = Literal["true", "true or text", "always", "never"]


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class SignInEndpoints:
    """
    The endpoints of a provider that publishes no OpenID Connect metadata, or not enough of it.

    ``{issuer}`` is for providers at which each customer has an address.
    """

    authorization: str
    token: str
    userinfo: str
    revocation: str | None = None

    def at(self, issuer: str) -> "SignInEndpoints":
        """Return the endpoints of the customer whose issuer this is."""
        values = asdict(self).items()
        return SignInEndpoints(
            **{name: url and url.replace("{issuer}", issuer) for name, url in values}
        )


@dataclass(frozen=True, kw_only=True)
class ProviderSignIn:
    """
    How an authorization server signs people in at a provider, and reads who they are.

    ``endpoints`` is for plain OAuth. Without it, they come from the issuer's OpenID metadata, and an
    ID token is required. ``offline_scope`` is requested for a refresh token, if the metadata does not
    leave it out of ``scopes_supported``. ``membership_scopes`` are requested if organizations or groups
    decide about something: without them, the provider does not tell. In a scope, ``{client_id}`` is
    the application's own id. ``implied_scopes`` are what a scope in the provider's answer stands for,
    where the answer names other scopes than the request.

    ``authorization_parameters``, ``token_parameters`` and ``refresh_parameters`` are added to these
    requests. ``refresh_with_scope`` repeats the scopes when tokens are refreshed. Without ``pkce``, no
    challenge is sent: the provider refuses the verifier of an application that has a secret.
    ``algorithms`` are those of its ID tokens; ``None``: RS256, and those that its metadata names.
    ``shared_issuer`` says that all customers have one issuer, and each its metadata elsewhere:
    ``internal_url`` then names that address.

    ``email_verified`` says when an e-mail address counts as verified: if ``email_verified_claim`` is
    true; if it is true or the text "true"; always; or never. ``domain_claim`` is a claim with a domain that the
    provider vouches for; it replaces the domain of the e-mail address. ``organization_claims`` and
    ``groups_claim`` name what admission by organization and by group reads. ``extensions`` names
    code in ``authserver/upstream`` for what data cannot say.

    The rest is for people. ``redirect_screen`` tells where an operator registers a web application
    and enters the callback URL. ``cost`` names prices and plans. ``refresh`` tells how long a session
    lives without a new sign-in. ``limits`` tell what cannot work, and ``facts`` everything else.
    """

    endpoints: SignInEndpoints | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    offline_scope: str | None = "offline_access"
    membership_scopes: tuple[str, ...] = ()
    implied_scopes: Fact[Mapping[str, tuple[str, ...]]] | None = None
    authorization_parameters: Mapping[str, str] = field(default_factory=_nothing)
    token_parameters: Mapping[str, str] = field(default_factory=_nothing)
    refresh_parameters: Mapping[str, str] = field(default_factory=_nothing)
    refresh_with_scope: bool = False
    pkce: bool = True
    shared_issuer: bool = False
    algorithms: tuple[str, ...] | None = ("RS256",)
    client_auth_method: Literal["client_secret_basic", "client_secret_post"] | None = None
    userinfo: bool = False
    subject_claim: str = "sub"
    name_claims: tuple[str, ...] = ("name", "preferred_username", "nickname")
    username_claims: tuple[str, ...] = ("preferred_username", "email")
    email_claims: tuple[str, ...] = ("email",)
    email_verified: EmailVerified = "true"
    email_verified_claim: str = "email_verified"
    domain_claim: str | None = None
    organization_claims: tuple[str, ...] = ()
    groups_claim: str | None = "groups"
    extensions: tuple[str, ...] = ()
    redirect_screen: Fact[str] | None = None
    cost: tuple[Fact[str], ...] = ()
    refresh: tuple[Fact[str], ...] = ()
    limits: tuple[Fact[str], ...] = ()
    facts: tuple[Fact[str], ...] = ()


OPENID_SIGN_IN = ProviderSignIn(algorithms=None)
"""For any OpenID provider: what OpenID Connect Core and Discovery say."""
