"""One provider as it runs: it takes a sign-in apart and refuses what the real one refuses."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from doorward.net import FetchFailed, FetchRequest, FetchResponse
from tests.authserver.harness import challenge_of
from tests.authserver.upstream.openid_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    OpenIdProvider,
    answered,
)
from tests.simulators.client_credentials import shown_credentials
from tests.simulators.facts import Api, Grant, Leg, Refusal, SimulatedProvider, oauth_error
from tests.simulators.signing import at_hash, key_for

FORM = "application/x-www-form-urlencoded"


class ErrorPage(Exception):
    """The provider shows an error page of its own, and sends the browser nowhere."""


@dataclass
class Simulator(OpenIdProvider):
    """
    A provider that behaves as its facts say.

    ``redirect_uris`` are those that an administrator entered there. ``user`` replaces claims of the
    person in front of the browser. ``ended`` is set when an administrator disables the account.
    """

    facts: SimulatedProvider = None  # type: ignore[assignment]
    redirect_uris: frozenset[str] | None = None
    client_id: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET
    ended: bool = False
    refreshed: int = 0
    revoked: list[str] = field(default_factory=list)
    _grants: dict[str, Grant] = field(default_factory=dict)
    _access: dict[str, Grant] = field(default_factory=dict)
    _refresh: dict[str, Grant] = field(default_factory=dict)
    _has_consented: bool = False

    def __post_init__(self) -> None:
        self.issuer = self.facts.issuer
        self.user = {}
        self.key = key_for(self.facts.algorithm)
        self.header = {"alg": self.facts.algorithm, "kid": self.key.kid}

    # What a browser does there.

    def authorize(self, url: str) -> dict[str, str]:
        """
        Sign the person in and return the callback's parameters, an error among them.

        Raises:
            ErrorPage: the provider cannot or will not send the browser back.
        """
        query = self._read_authorization(url)
        self.authorizations.append(query)
        refusal = self._refusal(query)
        answer = {**self.facts.answer}
        if refusal is not None:
            answer |= {name: str(refusal.body[name]) for name in refusal.body if name in _SHOWN}
        else:
            code = f"code-{self.facts.name}-{len(self.authorizations)}"
            self._grants[code] = self._allow(query)
            answer["code"] = code
        if "state" in query:
            answer["state"] = query["state"]
        if self.facts.sends_iss:
            answer["iss"] = self.issuer
        return answer

    def check(self, url: str) -> None:
        """
        Read an authorization request before anybody signs in.

        Raises:
            ErrorPage: the provider refuses it on a page of its own.
        """
        self._refusal(self._read_authorization(url))

    def _read_authorization(self, url: str) -> dict[str, str]:
        endpoint, own = self._endpoint("authorization_endpoint")
        parts = urlsplit(url)
        if parts._replace(query="").geturl() != endpoint:
            raise ErrorPage(f"404: {url.partition('?')[0]} is not {endpoint}")
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        query = dict(pairs)
        if len(query) != len(pairs):
            raise ErrorPage("a parameter is there twice")
        if any(query.pop(name, None) != value for name, value in own.items()):
            raise ErrorPage(f"the endpoint's own parameters are missing: {sorted(own)}")
        if query.get("client_id") != self.client_id:
            raise ErrorPage("unknown client_id")
        if self.redirect_uris is not None and query.get("redirect_uri") not in self.redirect_uris:
            raise ErrorPage(f"redirect_uri_mismatch: {query.get('redirect_uri')}")
        return query

    def _refusal(self, query: dict[str, str]) -> Refusal | None:
        if query.get("response_type") != "code":
            return oauth_error("unsupported_response_type")
        if refusal := self._refused_parameter("authorize", query):
            return refusal
        if self.facts.pkce and query.get("code_challenge_method", "S256") != "S256":
            return oauth_error("invalid_request", "code_challenge_method")
        unknown = set(query.get("scope", "").split()) - self.facts.scopes
        if unknown and self.facts.unknown_scopes == "error page":
            raise ErrorPage(f"400 invalid_scope: {sorted(unknown)}")
        if unknown and self.facts.unknown_scopes != "ignored":
            return oauth_error(self.facts.unknown_scopes, f"unknown: {sorted(unknown)}")
        return None

    def _refused_parameter(self, leg: Leg, given: dict[str, str]) -> Refusal | None:
        missing = self.facts.required.get(leg, frozenset()) - given.keys()
        if missing:
            return oauth_error("invalid_request", f"missing: {sorted(missing)}")
        for name, refusal in self.facts.refused.get(leg, {}).items():
            if name in given:
                if leg == "authorize" and refusal.status == 400 and not refusal.body:
                    raise ErrorPage(f"400: Parameter not allowed: {name}")
                return refusal
        return None

    def _allow(self, query: dict[str, str]) -> Grant:
        asked = query.get("scope", "").split()
        needs = self.facts.refresh_needs
        refreshes = self.facts.refresh != "never"
        if refreshes and needs is not None:
            name, _, value = needs.partition("=")
            refreshes = query.get(name) == value if value else name in asked
        # Google issues a refresh token at the first consent only, and when it is asked to repeat it.
        if needs == "access_type=offline" and refreshes:
            refreshes = not self._has_consented or "consent" in query.get("prompt", "").split()
        self._has_consented = True
        scopes = tuple(one for one in asked if one in self.facts.scopes)
        return Grant(query, scopes, refreshes)

    # What a server does there.

    def is_meant(self, fields: dict[str, str], authorization: str | None) -> bool:
        """Return whether a request is of this provider's client, or shows one of its tokens."""
        token = (authorization or "").removeprefix("Bearer ")
        shown = shown_credentials(fields, authorization if token == authorization else None)
        return token in self._access or shown[1] == self.client_id

    async def send(self, url: str, request: FetchRequest, *, limit: int = 0) -> FetchResponse:
        """Return the response of one of the provider's URLs; 404 for all others."""
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        self.requests.append((url.removeprefix(self.base), form))
        answer = self._answer(url, request, form)
        if isinstance(answer, Refusal):
            changed = self.facts.change_answer
            answer = changed(answer) if changed is not None else answer
            return answered(dict(answer.body), answer.status)
        return answered(answer)

    async def fetch(self, url: str, *, accept: str = "", limit: int = 0) -> FetchResponse:
        """Return a document, as a fetcher of documents does: with status 200 alone."""
        response = await self.send(url, FetchRequest())
        if response.status != 200:
            raise FetchFailed(f"{url}: {response.status}")
        return response

    def _answer(self, url: str, request: FetchRequest, form: dict[str, str]) -> Any:
        if url in self.facts.documents:
            return dict(self.facts.metadata)
        if url == self.facts.metadata.get("jwks_uri"):
            return {"keys": [self.key.as_dict(private=False)]}
        posted = request.method == "POST" and request.content_type == FORM
        if posted and url == self.facts.metadata["token_endpoint"]:
            return self._token_response(form, request)
        if posted and url == self.facts.metadata.get("revocation_endpoint"):
            return self._revoke(form, request)
        if url == self.facts.metadata.get("userinfo_endpoint"):
            return self._api(request, lambda grant: self.claims_of(grant.scopes))
        if (api := self.facts.apis.get(url)) is not None:
            return self._api(request, api)
        return Refusal(404, {"message": "Not Found"})

    def _api(self, request: FetchRequest, api: Api) -> Any:
        kind, _, token = (request.authorization or "").partition(" ")
        grant = self._access.get(token)
        if kind.lower() != "bearer" or grant is None or not grant.live or self.ended:
            return Refusal(401, {"message": "Bad credentials"})
        answer = api(grant)
        return answer | self.user if isinstance(answer, dict) else answer

    def claims_of(self, scopes: Collection[str]) -> dict[str, Any]:
        """Return the claims that ``scopes`` lead to."""
        given: dict[str, Any] = {}
        for scope, claims in self.facts.claims.items():
            if scope in scopes or scope == "":
                given |= claims
        return given

    def _token_response(self, form: dict[str, str], request: FetchRequest) -> Any:
        if not self._is_our_client(form, request):
            return self.facts.wrong_client
        kind = form.get("grant_type", "authorization_code")
        if kind == "authorization_code":
            return self._redeem(form)
        if kind == "refresh_token":
            return self._renew(form)
        return oauth_error("unsupported_grant_type")

    def _redeem(self, form: dict[str, str]) -> Any:
        if refusal := self._refused_parameter("code", form):
            return refusal
        grant = self._grants.pop(form.get("code", ""), None)
        if grant is None or form.get("redirect_uri") != grant.request["redirect_uri"]:
            return self.facts.dead_code
        challenge = grant.request.get("code_challenge")
        verified = challenge == challenge_of(form.get("code_verifier", ""))
        if self.facts.pkce and challenge is not None and not verified:
            return self.facts.dead_code
        return self._tokens_of(grant, grant.request.get("nonce"))

    def _renew(self, form: dict[str, str]) -> Any:
        old = form.get("refresh_token", "")
        grant = self._refresh.get(old)
        if grant is None or not grant.live or self.ended:
            return self.facts.dead_refresh_token
        if refusal := self._refused_parameter("refresh", form):
            return refusal
        if self.facts.refresh == "rotates":
            del self._refresh[old]
        self.refreshed += 1
        return self._tokens_of(grant, None, kept=old if self.facts.refresh == "same" else None)

    def _tokens_of(self, grant: Grant, nonce: str | None, kept: str | None = None) -> Any:
        grant.number += 1
        number = f"{len(self.requests)}"
        access = self.facts.access_token.format(n=number)
        self._access[access] = grant
        tokens: dict[str, Any] = {
            "access_token": access,
            "token_type": self.facts.token_type,
            "scope": self.facts.scope_separator.join(grant.scopes),
        }
        if self.facts.life is not None:
            tokens["expires_in"] = self.facts.life
        if grant.refreshes and kept is None:
            tokens["refresh_token"] = f"refresh-{self.facts.name}-{number}"
            self._refresh[tokens["refresh_token"]] = grant
        identifies = grant.number == 1 or self.facts.id_token_at_refresh
        if self.facts.openid and "openid" in grant.scopes and identifies:
            tokens["id_token"] = self._identify(grant, nonce, access)
        changed = self.facts.change_tokens
        return tokens if changed is None else changed(grant, tokens)

    def _identify(self, grant: Grant, nonce: str | None, access: str) -> str:
        now = int(self.clock())
        inside = set(grant.scopes) & self.facts.in_id_token
        claims = {"iss": self.issuer, "aud": self.client_id, "iat": now, "exp": now + 300}
        claims |= self.claims_of(inside) | self.user
        if self.facts.nonce:
            claims["nonce"] = nonce
        if self.facts.at_hash:
            claims["at_hash"] = at_hash(self.facts.algorithm, access)
        changed = self.facts.change_claims
        return self.sign((claims if changed is None else changed(grant, claims)) | self.changed)

    def _revoke(self, form: dict[str, str], request: FetchRequest) -> Any:
        if not self._is_our_client(form, request):
            return self.facts.wrong_client
        token = form.get("token", "")
        self.revoked.append(token)
        grant = self._refresh.get(token) or self._access.get(token)
        if grant is not None:
            grant.live = False
        return {}

    def _is_our_client(self, form: dict[str, str], request: FetchRequest) -> bool:
        method, *shown = shown_credentials(form, request.authorization)
        return method in self.facts.client_auth and shown == [self.client_id, self.client_secret]

    def _endpoint(self, name: str) -> tuple[str, dict[str, str]]:
        parts = urlsplit(str(self.facts.metadata[name]))
        return parts._replace(query="").geturl(), dict(parse_qsl(parts.query))


_SHOWN = ("error", "error_description", "error_uri")


def leads_back(query: dict[str, str], answer: dict[str, str]) -> str:
    """Return the URL of the callback with the answer's parameters."""
    return f"{query['redirect_uri']}?{urlencode(answer)}"
