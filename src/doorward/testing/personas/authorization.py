"""Authorizes a client and gets its tokens, as the client asks for them."""

import secrets
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx2

from doorward.testing.personas.browser import Browser, BrowserStopped
from doorward.testing.personas.discovery import Found
from doorward.testing.personas.hops import Hop
from doorward.testing.personas.http import PersonaHttp, object_in, redirected
from doorward.testing.personas.registration import Registered
from doorward.wire.oauth.pkce import METHOD, challenge_of


@dataclass(frozen=True, kw_only=True)
class Grant:
    """The tokens that a client got, and what it asked for."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    scopes: frozenset[str]
    requested: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Authorization:
    """One client at one issuer, which a user authorizes."""

    http: PersonaHttp
    transport: httpx2.AsyncBaseTransport
    found: Found
    client: Registered
    server_url: str
    username: str
    password: str = field(repr=False)

    async def grant(self, scopes: tuple[str, ...]) -> Grant:
        """
        Return the tokens that the user grants.

        Raises:
            PersonaFailed: at ``authorization``, ``sign-in`` or ``token``.
        """
        trace = self.http.trace
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        asked = {
            "response_type": "code",
            "client_id": self.client.credential.client_id,
            "redirect_uri": self.client.redirect_uri,
        }
        if scopes:
            asked["scope"] = " ".join(scopes)
        resource = self.found.resource_parameter(self.http.facts, self.server_url)
        if resource is not None:
            asked["resource"] = resource
        secret = {
            "state": state,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": METHOD,
        }
        trace.start("authorization")
        endpoint = str(self.found.metadata["authorization_endpoint"])
        separator = "&" if "?" in endpoint else "?"
        answer = await self._browse(f"{endpoint}{separator}{urlencode({**asked, **secret})}")
        self._check(answer, state)
        trace.finish("the browser came back with a code")
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": self.client.redirect_uri,
            "code_verifier": verifier,
            **({"resource": resource} if resource is not None else {}),
        }
        return await self._tokens("token", form, asked)

    async def refresh(self, grant: Grant) -> Grant:
        """
        Return new tokens for the refresh token in ``grant``.

        Raises:
            PersonaFailed: at ``refresh``.
        """
        form = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token or ""}
        for name in self.http.facts.refresh_parameters.value:
            if name in grant.requested:
                form[name] = grant.requested[name]
        return await self._tokens("refresh", form, grant.requested, before=grant)

    async def _browse(self, url: str) -> dict[str, str]:
        trace = self.http.trace

        def see_page() -> None:
            trace.finish("the issuer shows a page")
            trace.start("sign-in")

        browser = Browser(
            self.transport, self.username, self.password, record=trace.record, on_page=see_page
        )
        try:
            return await browser.go(url, self.client.redirect_uri)
        except BrowserStopped as stopped:
            fact = self.http.facts.redirect_uri if stopped.before_sign_in else None
            raise trace.failure(f"{stopped.problem}.", fact) from None

    def _check(self, answer: dict[str, str], state: str) -> None:
        trace, facts, metadata = self.http.trace, self.http.facts, self.found.metadata
        if answer.get("state") != state:
            raise trace.failure("the authorization response has another state.")
        if facts.iss.value == "announced":
            announced = metadata.get("authorization_response_iss_parameter_supported") is True
            iss = answer.get("iss")
            if (iss is None and announced) or iss not in (None, self.found.issuer):
                raise trace.failure(
                    f"the authorization response has the issuer {iss!r}, expected "
                    f"{self.found.issuer!r}.",
                    facts.iss,
                )
        if "error" in answer:
            about_scopes = answer["error"] == "invalid_scope"
            raise trace.failure(
                f"the issuer answered {answer['error']!r} "
                f"({answer.get('error_description', 'without a description')}).",
                facts.scopes if about_scopes else None,
            )
        if not answer.get("code"):
            raise trace.failure("the authorization response has no code.")

    async def _tokens(
        self, hop: Hop, form: dict[str, str], asked: dict[str, str], before: Grant | None = None
    ) -> Grant:
        trace = self.http.trace
        trace.start(hop)
        data, headers = self.client.authenticated(form, self.found.issuer, time.time())
        url = str(self.found.metadata["token_endpoint"])
        response = await self.http.oauth("POST", url, data=data, headers=headers)
        document = object_in(response) or {}
        token = document.get("access_token")
        if response.status_code != 200 or not isinstance(token, str):
            error = document.get("error", "without an OAuth error")
            raise trace.failure(
                f"{url} answered {response.status_code} ({error}), expected 200 with an "
                f"access_token.{redirected(response)}"
            )
        granted = str(document.get("scope", asked.get("scope", "")))
        trace.finish(f"the token has the scopes {granted or '(none)'}")
        kept = None if before is None else before.refresh_token
        return Grant(
            access_token=token,
            refresh_token=document.get("refresh_token") or kept,
            scopes=frozenset(granted.split()),
            requested=asked,
        )
