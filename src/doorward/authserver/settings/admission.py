"""Who may sign in through an identity provider. Pure: claims in, yes or no out."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from doorward.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class ProviderAccount:
    """
    An account at an identity provider, as the provider describes it.

    ```python
    def is_admitted(account: ProviderAccount) -> bool:
        return account.email is not None and not account.email.startswith("guest-")

    allow = Allow(domains={"example.com"}, check=is_admitted)
    ```

    ``issuer`` and ``subject`` identify it; nothing else does. ``email`` is ``None`` unless the
    provider says that it is verified. ``domains`` and ``organizations`` are those that the provider
    vouches for. ``acr``, ``amr`` and ``auth_time`` say how and when
    the user was authenticated, by the ID token of the sign-in.
    A claim that is absent or of another type is ``None`` or an empty set; ``ignored`` names the latter.

    Spec: OpenID Connect Core 1.0 §5.1, §5.7
    """

    issuer: str
    subject: str
    username: str | None = None
    name: str | None = None
    email: str | None = None
    domains: frozenset[str] = frozenset()
    organizations: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    acr: str | None = None
    amr: frozenset[str] = frozenset()
    auth_time: float | None = None
    ignored: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def sid(self) -> str | None:
        """The provider's own id of the session. Spec: OpenID Connect Back-Channel Logout 1.0 §2.1"""
        sid = self.claims.get("sid")
        return sid if isinstance(sid, str) else None

    @property
    def label(self) -> str:
        """What pages call this account."""
        return self.email or self.username or self.name or self.subject


@dataclass(frozen=True, kw_only=True)
class Allow:
    """
    Which accounts of a provider may sign in.

    ```python
    Allow(domains={"example.com"}, groups={"mcp"})  # both must hold
    Allow(emails={"alice@example.com", "bob@example.com"})
    Allow(check=lambda account: "mfa" in account.amr)
    ```

    Every condition that is set must hold: ``Allow(domains={"example.com"}, groups={"mcp"})`` admits
    members of the group whose domain is ``example.com``. For alternatives, pass several ``Allow``.

    ``domains`` are matched exactly: ``example.com`` does not admit ``mail.example.com``. ``domains``
    and ``emails`` count only if the provider says that the address is verified. ``subjects`` are the
    provider's own ids of accounts. ``check`` is called last, and admits by returning ``True``.
    ``everyone`` admits every account: at a public provider, that is everyone in the world.

    Raises:
        ConfigurationError: ``nobody-allowed`` or ``not-a-set-of-names``.
    """

    domains: Iterable[str] = ()
    organizations: Iterable[str] = ()
    groups: Iterable[str] = ()
    emails: Iterable[str] = ()
    subjects: Iterable[str] = ()
    check: Callable[[ProviderAccount], bool] | None = None
    everyone: bool = False

    def __post_init__(self) -> None:
        for name in ("domains", "organizations", "groups", "emails", "subjects"):
            names = _names(name, getattr(self, name))
            folded = name in ("domains", "emails")
            object.__setattr__(self, name, frozenset(map(str.lower, names)) if folded else names)
        conditions = (self.domains, self.organizations, self.groups, self.emails, self.subjects)
        if (any(conditions) or self.check is not None) == self.everyone:
            raise ConfigurationError(
                "nobody-allowed",
                "Allow has everyone and a condition."
                if self.everyone
                else "Allow has no condition.",
                "Set domains, organizations, groups, emails, subjects or check; or everyone=True alone.",
            )

    def admits(self, account: ProviderAccount) -> bool:
        """Say whether the account may sign in."""
        return self.unmet(account) is None

    def unmet(self, account: ProviderAccount) -> str | None:
        """Return the first condition that does not hold, with what came, for the log; or ``None``."""
        email = frozenset() if account.email is None else frozenset({account.email.lower()})
        for name, allowed, held in (
            ("domains", self.domains, frozenset(map(str.lower, account.domains))),
            ("organizations", self.organizations, account.organizations),
            ("groups", self.groups, account.groups),
            ("emails", self.emails, email),
            ("subjects", self.subjects, frozenset({account.subject})),
        ):
            if not _share(allowed, held):
                return f"{name}: came {sorted(held)[:20]}, expected one of {sorted(allowed)[:20]}"
        # Not truthiness: a coroutine or a message would admit everyone.
        if self.check is not None and self.check(account) is not True:
            return "check did not return True"
        return None


def unmet_conditions(rules: Iterable[Allow], account: ProviderAccount) -> str | None:
    """Return why no rule admits the account, for the log; ``None`` if one does."""
    unmet: list[str] = []
    for rule in rules:
        condition = rule.unmet(account)
        if condition is None:
            return None
        unmet.append(condition)
    # The usual cause: many providers leave the claim out, and an address that anybody could have
    # entered must not admit.
    verified = account.claims.get("email_verified", "absent")
    ignored = f"; of another type: {', '.join(account.ignored)}" if account.ignored else ""
    return f"{'; '.join(unmet)} (email_verified: {str(verified)[:20]}{ignored})"


def _names(what: str, given: Iterable[str]) -> frozenset[str]:
    # A string is an iterable of its letters: domains="example.com" would admit the domain "e".
    names: tuple[object, ...] = () if isinstance(given, str) else tuple(given)
    if isinstance(given, str) or not all(isinstance(one, str) and one.strip() for one in names):
        raise ConfigurationError(
            "not-a-set-of-names",
            f"Allow.{what} is {given!r}; it must be a set of names.",
            f'Write {what}={{"…"}}.',
        )
    return frozenset(map(str, names))


def _share(allowed: Iterable[str], held: Iterable[str]) -> bool:
    """Say whether nothing is required, or something that is required is there."""
    required = frozenset(allowed)
    return not required or not required.isdisjoint(held)
