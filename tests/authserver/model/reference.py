"""
What the token endpoint must answer, as plain data: no database, no concurrency, no cryptography.

A ``World`` is one possible state of the server. A request that failed or was cancelled may or may not
have been carried out, so the test keeps several worlds and drops those that later answers contradict.
"""

from dataclasses import dataclass, field

GRACE, CODE_LIFETIME, ACCESS_LIFETIME = 30, 60, 600
REFRESH_IDLE, REFRESH_ABSOLUTE = 14 * 86400, 90 * 86400
CODE_ATTEMPTS, SKEW = 5, 60


@dataclass(eq=False)
class Grant:
    """What a user allowed one installation of a client."""

    user: str
    client: str
    scopes: frozenset[str]
    created: float
    revoked: bool = False

    def active(self, now: float) -> bool:
        return not self.revoked and self.created - SKEW <= now < self.created + REFRESH_ABSOLUTE


@dataclass(eq=False)
class Code:
    grant: Grant
    verifier: str
    issued: float
    expires: float
    attempts: int = 0
    redeemed: bool = False


@dataclass(eq=False)
class AccessToken:
    grant: Grant
    scopes: frozenset[str]
    issued: int
    revoked: bool = False


@dataclass(eq=False)
class Answer:
    """Tokens that were issued; ``texts`` is unknown while nobody has received them."""

    access: AccessToken
    refresh: "RefreshToken"
    texts: tuple[str, str] | None = None


@dataclass(eq=False)
class RefreshToken:
    grant: Grant
    issued: float
    expires: float
    rotated: float | None = None
    asked: frozenset[str] | None = None
    answer: Answer | None = None


@dataclass
class World:
    """One possible state of the server. Each method returns an answer, or the OAuth error."""

    now: float
    users: dict[str, frozenset[str]] = field(default_factory=dict)
    disabled: set[str] = field(default_factory=set)
    codes: dict[str, Code] = field(default_factory=dict)
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict)
    access_tokens: dict[str, AccessToken] = field(default_factory=dict)

    def issue_code(self, code: str, user: str, client: str, verifier: str) -> None:
        grant = Grant(user, client, self.users[user], self.now)
        self.codes[code] = Code(grant, verifier, self.now, self.now + CODE_LIFETIME)

    def redeem(self, code: str, client: str, verifier: str) -> Answer | str:
        known, now = self.codes.get(code), self.now
        if known is None or known.grant.client != client:
            return "invalid_grant"
        in_time = known.issued - SKEW <= now < known.expires
        right = known.verifier == verifier and known.attempts < CODE_ATTEMPTS
        if not in_time or not right or known.redeemed:
            known.attempts += 1
            known.expires = known.expires if now < known.expires else 0
            known.grant.revoked |= known.redeemed
            return "invalid_grant"
        known.redeemed = True
        scopes = self._scopes(known.grant)
        return self._issue(known.grant, scopes) if scopes else "invalid_grant"

    def refresh(self, token: str, client: str, asked: frozenset[str] | None) -> Answer | str:
        known, now = self.refresh_tokens.get(token), self.now
        if known is None or known.grant.client != client:
            return "invalid_grant"
        grant = known.grant
        if not grant.active(now) or now < known.issued - SKEW:
            return "invalid_grant"
        if now >= known.expires:
            grant.revoked = True
            return "invalid_grant"
        if known.rotated is not None and known.answer is not None:
            if not 0 <= now - known.rotated <= GRACE or known.answer.refresh.rotated is not None:
                grant.revoked = True
                return "invalid_grant"
            return known.answer if asked == known.asked else "invalid_request"
        if asked is not None and not asked <= grant.scopes:
            return "invalid_scope"
        scopes = self._scopes(grant) & (grant.scopes if asked is None else asked)
        if not scopes:
            grant.revoked = True
            return "invalid_grant"
        known.rotated, known.asked = now, asked
        known.answer = self._issue(grant, scopes)
        return known.answer

    def revoke(self, token: str, client: str) -> None:
        refresh, access = self.refresh_tokens.get(token), self.access_tokens.get(token)
        if refresh is not None and refresh.grant.client == client:
            refresh.grant.revoked = True
        if access is not None and access.grant.client == client and self._unexpired(access):
            access.revoked = True

    def disable(self, user: str) -> None:
        self.disabled.add(user)
        for code in self.codes.values():
            code.grant.revoked |= code.grant.user == user

    def is_active(self, token: str) -> bool:
        access = self.access_tokens[token]
        alive = not access.revoked and not access.grant.revoked
        return alive and self._unexpired(access) and access.grant.user not in self.disabled

    def receive(self, answer: Answer, texts: tuple[str, str]) -> bool:
        """Note the texts of an answer; say whether they are those that were sent before."""
        if answer.texts is None:
            answer.texts = texts
            self.access_tokens[texts[0]] = answer.access
            self.refresh_tokens[texts[1]] = answer.refresh
        return answer.texts == texts

    def _scopes(self, grant: Grant) -> frozenset[str]:
        gone = grant.user in self.disabled or not grant.active(self.now)
        return frozenset() if gone else grant.scopes & self.users[grant.user]

    def _unexpired(self, access: AccessToken) -> bool:
        return access.issued - SKEW <= self.now < access.issued + ACCESS_LIFETIME

    def _issue(self, grant: Grant, scopes: frozenset[str]) -> Answer:
        expires = min(self.now + REFRESH_IDLE, grant.created + REFRESH_ABSOLUTE)
        return Answer(
            AccessToken(grant, scopes, int(self.now)), RefreshToken(grant, self.now, expires)
        )
