"""A provider at which people connect accounts: every token says whose it is."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from doorward.net import FetchFailed, FetchRequest, FetchResponse
from tests.authserver.upstream.openid_provider import OpenIdProvider, answered

ISSUER = "https://code.example"


@dataclass
class CodeHost(OpenIdProvider):
    """
    A provider whose access tokens are ``access-of-<sub>-<number>``, with an API that tells them apart.

    Refresh tokens rotate: an old one is ``invalid_grant``. ``ended`` are subjects whose tokens are void.
    ``asked`` is set when a refresh comes; its answer waits for ``answer``, if there is one.
    """

    issuer: str = ISSUER
    ended: set[str] = field(default_factory=set)
    refreshes: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    answer: asyncio.Event | None = None
    down: bool = False
    revocation: FetchResponse | None = None
    _owners: dict[str, str] = field(default_factory=dict)
    _refresh_tokens: set[str] = field(default_factory=set)

    def authorize(self, url: str) -> dict[str, str]:
        answer = super().authorize(url)
        self._owners[answer["code"]] = self.user["sub"]
        return answer

    @property
    def revoked(self) -> list[str]:
        """The tokens that this provider was told to revoke."""
        return [form["token"] for path, form in self.requests if path == "/revoke"]

    def can_revoke(self) -> None:
        """Have a revocation endpoint from now on."""
        self.metadata["revocation_endpoint"] = self.base + "/revoke"

    async def send(self, url: str, request: FetchRequest, *, limit: int = 0) -> FetchResponse:
        if self.down:
            raise FetchFailed("unreachable")
        if url == self.base + "/revoke" and self.revocation is not None:
            return self.revocation
        if self.answer is not None and b"grant_type=refresh_token" in request.body:
            self.asked.set()
            await self.answer.wait()
        if url == self.base + "/userinfo":
            self.requests.append(("/userinfo", {}))
            subject = owner_of((request.authorization or "").removeprefix("Bearer "))
            return (
                answered({}, 401)
                if subject in self.ended
                else answered({**self.user, "sub": subject})
            )
        return await super().send(url, request, limit=limit)

    def _token(self, form: dict[str, str], authorization: str | None) -> FetchResponse:
        if self.broken is not None:
            return super()._token(form, authorization)
        if (spent := form.get("refresh_token")) is not None:
            self.refreshes += 1
            if spent not in self._refresh_tokens or owner_of(spent) in self.ended:
                return answered({"error": "invalid_grant"}, 400)
            self._refresh_tokens.discard(spent)
            subject = owner_of(spent)
        else:
            subject = self._owners.get(form["code"], "nobody")
        before = self.user
        self.user = {**before, "sub": subject}
        try:
            return super()._token(form, authorization)
        finally:
            self.user = before

    def _tokens(self, nonce: str | None) -> dict[str, Any]:
        subject, number = self.user["sub"], len(self.requests)
        refresh_token = f"refresh-of-{subject}-{number}"
        self._refresh_tokens.add(refresh_token)
        return {
            **super()._tokens(nonce),
            "access_token": f"access-of-{subject}-{number}",
            "refresh_token": refresh_token,
        }


def owner_of(token: str) -> str:
    """Return whose token it is."""
    return token.split("-")[2]


@dataclass
class Providers:
    """Several providers behind one fetcher, by their issuers."""

    known: tuple[OpenIdProvider, ...]

    async def fetch(self, url: str, *, accept: str = "", limit: int = 0) -> FetchResponse:
        return await self.send(url, FetchRequest())

    async def send(self, url: str, request: FetchRequest, *, limit: int = 0) -> FetchResponse:
        for one in self.known:
            if url.startswith(one.base + "/"):
                return await one.send(url, request)
        raise FetchFailed(f"nobody at {url}")

    async def aclose(self) -> None:
        """Close nothing."""
