"""Views of the hops behind a sign-in; none of them has a token, a code or a user in it."""

from dataclasses import dataclass
from typing import Literal

from doorward.doctor.evidence.exchange import Exchange
from doorward.wire.oauth.challenge import MalformedChallenge, parse_challenges

SignInOutcome = Literal["code", "error", "no answer", "device", "token given"]


@dataclass(frozen=True, kw_only=True)
class SignInView:
    """
    How the sign-in ended.

    ``iss`` is the issuer in the answer, ``iss_announced`` whether the metadata promises one. With
    outcome ``device``, ``polls`` are the answers of the token endpoint before the last.
    """

    outcome: SignInOutcome
    error: str = ""
    text: str = ""
    iss: str | None = None
    iss_announced: bool = False
    asked_scope: str = ""


@dataclass(frozen=True, kw_only=True)
class TokenView:
    """
    The answer of the token endpoint.

    ``client`` is ``given`` or ``registered``, ``auth_method`` how it authenticated.
    """

    exchange: Exchange
    is_issued: bool
    client: str
    auth_method: str
    asked_scope: str = ""
    granted_scope: str | None = None
    token_type: str = ""
    expires_in: float | None = None
    has_refresh_token: bool = False


@dataclass(frozen=True, kw_only=True)
class TokenContents:
    """
    What an access token says, without the token and without its user.

    ``form`` is ``jwt``, ``encrypted`` or ``opaque``; for the last two all else is empty.
    ``lives_for`` is how many seconds it is still valid.
    """

    form: Literal["jwt", "encrypted", "opaque"]
    algorithm: str = ""
    kid: str = ""
    typ: str = ""
    issuer: str = ""
    audience: tuple[str, ...] = ()
    scope: str = ""
    lives_for: float | None = None
    not_before_in: float | None = None


@dataclass(frozen=True, kw_only=True)
class CallsView:
    """
    Calls with the token: ``initialize`` and a list of 2025-11-25, and a list of 2026-07-28.

    ``has_session`` is whether the server began a session.
    """

    initialize: Exchange
    tools: Exchange | None
    modern: Exchange
    has_session: bool = False

    @property
    def first(self) -> Exchange:
        """
        The call that shows most.

        A server can answer ``initialize`` to everyone and ask for a token at the list. A server of one
        era refuses the requests of the other, whatever the token.
        """
        refused = (401, 403)
        if self.initialize.status == 200:
            is_refused = self.tools is not None and self.tools.status in refused
            return self.tools if is_refused and self.tools is not None else self.initialize
        if self.modern.status == 200 or self.initialize.status not in refused:
            return self.modern
        return self.initialize

    @property
    def needed_scopes(self) -> frozenset[str]:
        """
        The scopes that the first call needs, as the challenge of its 403 says.

        Spec: RFC 6750 §3.1
        """
        if self.first.status != 403:
            return frozenset()
        try:
            challenges = parse_challenges(self.first.headers.get("www-authenticate", ""))
        except MalformedChallenge:
            return frozenset()
        bearer = next((one.params for one in challenges if one.scheme == "bearer"), {})
        return frozenset(bearer.get("scope", "").split())


@dataclass(frozen=True, kw_only=True)
class StepUpView:
    """
    A second sign-in with ``scope``, and the first call with its token.

    ``token`` and ``call`` are ``None`` if the sign-in did not get so far.
    """

    scope: str
    sign_in: SignInView
    token: TokenView | None = None
    call: Exchange | None = None

    @property
    def works(self) -> bool:
        """Whether the call is admitted with the new token."""
        return self.call is not None and self.call.status not in (None, 401, 403)


@dataclass(frozen=True, kw_only=True)
class RefreshView:
    """
    A refresh, a call with the new token, and two refreshes at once with the same token.

    ``old_session`` is a call in the session that began with the old token. ``contents`` are those of
    the new one.
    """

    first: Exchange
    call: Exchange | None = None
    contents: TokenContents | None = None
    old_session: Exchange | None = None
    at_once: tuple[Exchange, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ExpiryView:
    """The call after the token has expired, and a refresh after that."""

    waited: float
    call: Exchange
    refresh: Exchange | None = None
