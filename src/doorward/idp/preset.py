"""The shape in which facts about an identity provider are kept."""

from dataclasses import dataclass
from datetime import date

from doorward.tokens import TokenProfile


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something a provider does, where that was read, and when."""

    says: str
    source: str
    seen: date


@dataclass(frozen=True, kw_only=True)
class Preset:
    """
    What is known about a provider's access tokens.

    ``issuer`` is the form of its issuer, with the parts that differ between customers in braces;
    it is for people to read and for nothing to match. ``audience`` says in a sentence what its
    tokens name as their audience, because that decides what to configure.

    ```python
    TrustedIssuer(
        issuer="https://login.example/realms/mcp",
        audience="https://mcp.example/mcp",
        algorithms=KEYCLOAK.algorithms,
        profile=KEYCLOAK.profile,
    )
    ```
    """

    name: str
    title: str
    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    profile: TokenProfile
    facts: tuple[Fact, ...]
