"""What is due for a refresh token, judged from its row, its grant and its user."""

from dataclasses import dataclass

from doorward.authserver.grants.refresh_tokens import StoredRefreshToken
from doorward.authserver.openid.claims import held_scopes
from doorward.authserver.refusals import InvalidGrant, InvalidScope, InvalidTarget, OAuthRefused
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.store.rows.grants import Grant
from doorward.authserver.users.users import User
from doorward.net.clock import CLOCK_SKEW
from doorward.wire.oauth.scope import build_scope


@dataclass(frozen=True, kw_only=True)
class RefreshRequest:
    """A refresh token as it is presented, and what is asked for; ``None`` means what was granted."""

    token: str
    scopes: frozenset[str] | None
    resource: str | None

    @property
    def retry_key(self) -> str:
        """What a retry must repeat to get the same response."""
        return f"{build_scope(self.scopes or frozenset())}|{self.resource or ''}"

    def __repr__(self) -> str:
        return "RefreshRequest()"


@dataclass(frozen=True)
class MustBeChecked:
    """Nothing was written: the session at an identity provider must be good first."""

    session_id: str


@dataclass(frozen=True)
class MustEnd:
    """The grant must be revoked for a reason, and the request refused."""

    reason: str
    refusal: OAuthRefused


@dataclass(frozen=True)
class WasRotated:
    """The token was used before: this is a retry, or it was stolen."""


@dataclass(frozen=True)
class Allowed:
    """New tokens can be issued, with these scopes."""

    grant: Grant
    user: User
    scopes: frozenset[str]


def judge_refresh(
    settings: AuthServerSettings,
    kept: StoredRefreshToken,
    found: tuple[Grant, User | None] | None,
    requested: RefreshRequest,
    checked: str | None,
    now: float,
) -> OAuthRefused | MustBeChecked | MustEnd | WasRotated | Allowed:
    """Return what is due for a refresh token; ``found`` is its grant, and the user unless disabled."""
    if found is None or now < kept.issued_at - CLOCK_SKEW:
        return InvalidGrant("the grant is over or revoked, or the clock was set back")
    grant, user = found
    if kept.rotated_at is None and grant.provider_session_id not in (None, checked):
        return MustBeChecked(grant.provider_session_id)
    if now >= kept.expires_at:
        # Stored, so that setting the clock back does not revive the token.
        refusal = InvalidGrant("the refresh token was not used for too long")
        return MustEnd("idle-too-long", refusal)
    if kept.rotated_at is not None:
        return WasRotated()
    if requested.resource not in (None, grant.resource):
        return InvalidTarget("another resource than was granted")
    if requested.scopes is not None and not requested.scopes <= grant.scopes:
        return InvalidScope("more than was granted")
    scopes = _still_allowed(settings, grant, user, requested.scopes)
    if user is None or scopes is None:
        return MustEnd("no-longer-allowed", InvalidGrant("the user or every scope is gone"))
    return Allowed(grant, user, scopes)


def _still_allowed(
    settings: AuthServerSettings, grant: Grant, user: User | None, requested: frozenset[str] | None
) -> frozenset[str] | None:
    """Return the scopes that remain, or ``None`` if the account or all of them are gone."""
    # Consents are not read here: installations with one client ID share them, so the answer of one
    # would change the tokens of another. Withdrawing a consent revokes its grants.
    if user is None:
        return None
    left = grant.scopes & held_scopes(settings, user, grant.resource)
    scopes = left if requested is None else left & requested
    # The requested scopes may be gone while others remain; a token without scopes is useless.
    if grant.scopes and not scopes:
        return None
    return scopes
