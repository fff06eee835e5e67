"""The shape of an issuer's access tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from re import Pattern
from types import MappingProxyType

# A path into nested claims: "realm_access.roles", or its parts where a name has dots in it.
ClaimPath = str | tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TokenProfile:
    """
    The shape of an issuer's access tokens, and what distinguishes them from its other tokens.

    ```python
    profile: TokenProfile = replace(RFC9068, role_paths=("groups",))
    issuer = TrustedIssuer(
        issuer="https://login.example", audience="https://mcp.example/mcp", profile=profile
    )
    ```

    Of several names, the first one that the token has is used. ``types`` are the accepted values of
    ``typ``, in lower case and without ``application/``. ``required_values`` must be equal, and
    ``forbidden_claims`` must be absent: where ``typ`` is only ``JWT``, they keep ID tokens out.

    A token without a person belongs to a service. One of three things shows that:

    - Its subject is one of ``service_subjects``, with the client id filled in. In RFC 9068, that is
      the client id itself.
    - It has one of ``service_claims``: with this value, a value that fits the pattern, or any value
      where it is ``None``.
    - It has none of ``person_claims``, if any are listed.

    Spec: RFC 9068 §2; RFC 8725 §3.11, §3.12
    """

    name: str
    types: frozenset[str]
    type_may_be_absent: bool = False
    audience_claim: str = "aud"
    subject_claims: tuple[str, ...] = ("sub",)
    client_claims: tuple[str, ...] = ("client_id",)
    client_required: bool = True
    scope_claims: tuple[str, ...] = ("scope",)
    role_paths: tuple[ClaimPath, ...] = ()
    name_claims: tuple[str, ...] = ("name", "preferred_username", "username")
    token_id_claims: tuple[str, ...] = ("jti",)
    required_claims: frozenset[str] = frozenset({"iat"})
    required_values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    forbidden_claims: frozenset[str] = frozenset({"nonce", "at_hash", "c_hash", "events"})
    service_subjects: tuple[str, ...] = ("{client}",)
    service_claims: Mapping[str, str | Pattern[str] | None] = field(
        default_factory=lambda: MappingProxyType({})
    )
    person_claims: frozenset[str] = frozenset()


RFC9068 = TokenProfile(
    name="rfc9068",
    types=frozenset({"at+jwt"}),
    # Not groups: in many directories, users can join groups on their own.
    role_paths=("roles",),
    required_claims=frozenset({"iat", "jti"}),
)
"""Tokens as RFC 9068 defines them, and the default: ``typ`` is ``at+jwt``."""
