"""One identity provider: its metadata, its authorization URL, its tokens and its users."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from doorward.authserver.settings.admission import ProviderAccount
from doorward.authserver.settings.identity_provider import IdentityProvider
from doorward.authserver.upstream.extensions import extend_claims
from doorward.authserver.upstream.id_tokens.account import read_account
from doorward.authserver.upstream.id_tokens.id_token import ExpectedIdToken, verify_id_token
from doorward.authserver.upstream.id_tokens.reauthentication import Reauthentication, require_recent
from doorward.authserver.upstream.refusals import (
    ProviderAnswerRefused,
    ProviderMisconfigured,
    ProviderTokenRefused,
    ProviderUnavailable,
)
from doorward.authserver.upstream.responses import (
    MAX_RESPONSE,
    ProviderTokens,
    read_tokens,
    refusal_of,
)
from doorward.jose.algorithm_names import SUPPORTED
from doorward.net import (
    Clock,
    Expiring,
    Fetcher,
    FetchRequest,
    FetchResponse,
    SingleFlightCache,
)
from doorward.net.client_authentication import CLIENT_AUTH_METHODS, ClientCredential
from doorward.net.http.refusals import FetchFailed, FetchRefused
from doorward.operations.observation import observed
from doorward.operations.story.notes import provider_call
from doorward.tokens.endpoint_discovery import fetch_metadata, reachable_url
from doorward.tokens.jwt.discovered_keys import DiscoveredKeys
from doorward.wire import strict_json
from doorward.wire.oauth import pkce
from doorward.wire.oauth.server_metadata import (
    OPENID,
    IssuerMismatch,
    ServerMetadata,
    metadata_urls,
    parse_identity_provider,
)

_METADATA_TTL = 3600.0
# A provider that rotates refresh tokens has forgotten the old one by the time that it answers:
# whoever does not wait for the new one has lost the session.
REFRESH_TIMEOUT = 60.0
CONSENT = "consent"


@dataclass(frozen=True, kw_only=True)
class AuthorizationLeg:
    """
    What one redirect to the provider is bound to; ``verifier`` and ``nonce`` stay here.

    ``reauthentication`` is what the provider must do, although it may know the user.
    """

    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    prompt: str | None = None
    reauthentication: Reauthentication | None = None


class ProviderClient:
    """
    A client of one identity provider.

    Metadata is used for an hour. Nothing is sent to an address that neither the operator configured
    nor the provider's own metadata names.

    Spec: OpenID Connect Core 1.0 §3.1, §5.3, §12; RFC 6749 §4.1, §6
    """

    def __init__(self, provider: IdentityProvider, fetcher: Fetcher, clock: Clock) -> None:
        self.provider = provider
        self._facts = provider.sign_in
        self._fetcher = fetcher
        self._clock = clock
        self._metadata: SingleFlightCache[str, ServerMetadata] = SingleFlightCache(
            floor=_METADATA_TTL, ceiling=_METADATA_TTL, entries=1, clock=clock
        )
        # None until a sign-in has shown it.
        self._consent_gives_refresh_token: bool | None = None
        # Whether there is metadata: fixed for plain OAuth, otherwise once it was read.
        self.was_read = self._facts.endpoints is not None
        self.keys = DiscoveredKeys(
            provider.issuer_url, fetcher=fetcher, clock=clock, internal_url=provider.internal_url
        )

    async def metadata(self) -> ServerMetadata:
        """
        Return the provider's metadata; for plain OAuth, from the preset.

        Raises:
            ProviderUnavailable: 503, no document at the issuer can be used.
            ProviderMisconfigured: 502, they name another issuer.
        """
        return await self._metadata.get("metadata", self._load_metadata)

    async def authorization_url(self, leg: AuthorizationLeg) -> str:
        """
        Return where the browser is sent to sign in.

        Raises:
            ProviderUnavailable: 503.

        Spec: OpenID Connect Core 1.0 §3.1.2.1; RFC 7636 §4.3
        """
        metadata = await self.metadata()
        parameters = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": leg.redirect_uri,
            "scope": " ".join(self._scopes(metadata)),
            "state": leg.state,
            **self._facts.authorization_parameters,
        }
        if self._facts.pkce:
            parameters["code_challenge"] = pkce.challenge_of(leg.verifier)
            parameters["code_challenge_method"] = pkce.METHOD
        if self._is_openid:
            parameters["nonce"] = leg.nonce
        if self.provider.acr_values:
            parameters["acr_values"] = " ".join(self.provider.acr_values)
        again = leg.reauthentication
        if self._is_openid and again is not None and again.max_age is not None:
            parameters["max_age"] = str(again.max_age)
        # Beside the preset's own prompt: without a consent, some providers issue no refresh token.
        prompts = [parameters.get("prompt"), leg.prompt]
        if self._consent_gives_refresh_token:
            prompts.append(CONSENT)
        if any(prompts):
            parameters["prompt"] = " ".join(dict.fromkeys(filter(None, prompts)))
        parts = urlsplit(metadata.authorization_endpoint)
        # The endpoint may have parameters of its own (RFC 6749 §3.1), but not these.
        own = [
            (name, value)
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
            if name not in parameters
        ]
        query = urlencode([*own, *parameters.items()], quote_via=quote, safe="")
        return urlunsplit(parts._replace(query=query))

    async def algorithms(self) -> tuple[str, ...]:
        """
        Return the algorithms that ID tokens and logout tokens may have.

        Raises:
            ProviderUnavailable: 503.

        Spec: OpenID Connect Core 1.0 §3.1.3.7, rule 7; OpenID Connect Discovery 1.0 §3
        """
        if self._facts.algorithms is not None:
            return self._facts.algorithms
        named = (await self.metadata()).id_token_signing_alg_values_supported
        return ("RS256", *(one for one in named if one in SUPPORTED))

    async def needs_consent(self, leg: AuthorizationLeg, tokens: ProviderTokens) -> bool:
        """
        Return whether to send the browser again, with ``prompt=consent``, for a refresh token.

        Some providers issue one only then. A provider that issues none then either is not asked again.

        Raises:
            ProviderUnavailable: 503.

        Spec: OpenID Connect Core 1.0 §11
        """
        if leg.prompt == CONSENT:
            self._consent_gives_refresh_token = tokens.refresh_token is not None
        if tokens.refresh_token is not None or self._consent_gives_refresh_token is not None:
            return False
        offline = self._facts.authorization_parameters.get("access_type") == "offline"
        scopes = self._scopes(await self.metadata())
        return self._is_openid and (offline or self._facts.offline_scope in scopes)

    async def redeem(self, code: str, leg: AuthorizationLeg) -> ProviderTokens:
        """
        Return the tokens for a code.

        Raises:
            ProviderUnavailable: 503.
            ProviderGrantEnded, ProviderRefused, ProviderMisconfigured, ProviderAnswerRefused.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": leg.redirect_uri,
            **self._facts.token_parameters,
        }
        if self._facts.pkce:
            form["code_verifier"] = leg.verifier
        return await self._request_tokens(form)

    async def refresh(self, refresh_token: str) -> ProviderTokens:
        """
        Return fresh tokens; ``refresh_token`` is ``None`` if the old one stays valid.

        Raises:
            ProviderUnavailable: 503.
            ProviderGrantEnded: the provider does not accept the token any more.
            ProviderRefused, ProviderMisconfigured, ProviderAnswerRefused.
        """
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        if self._facts.refresh_with_scope:
            form["scope"] = " ".join(self._scopes(await self.metadata()))
        form |= self._facts.refresh_parameters
        return await self._request_tokens(form, REFRESH_TIMEOUT)

    async def revoke(self, tokens: ProviderTokens) -> bool:
        """
        Revoke the tokens; say whether the provider has an endpoint for that, which then answers 200.

        Raises:
            ProviderUnavailable: 503.
            ProviderMisconfigured: 502.

        Spec: RFC 7009 §2.1, §2.2
        """
        metadata = await self.metadata()
        if metadata.revocation_endpoint is None:
            return False
        # A refresh token takes its access tokens with it.
        token = tokens.refresh_token or tokens.access_token
        request = self._authenticated(metadata, {"token": token})
        response = await self._send(
            "revocation", self._internal(metadata.revocation_endpoint), request
        )
        if response.status == 401:
            raise ProviderMisconfigured(f"{self.provider.name}: revocation refused this client")
        if response.status == 429 or response.status >= 500:
            raise ProviderUnavailable(f"{self.provider.name}: revocation status {response.status}")
        # 400 is an answer too: some providers do not know a token that has ended already.
        return True

    async def account(
        self,
        tokens: ProviderTokens,
        *,
        leg: AuthorizationLeg | None = None,
        subject: str | None = None,
    ) -> ProviderAccount:
        """
        Return whose tokens these are.

        ``leg`` is that of the sign-in. After a refresh it is ``None``, and ``subject`` is the account
        that signed in.

        Raises:
            ProviderUnavailable: 503.
            ProviderTokenRefused: 502, the provider does not accept its own access token.
            ProviderAnswerRefused: 502, a check failed, or the subject is another one.
            AuthenticationTooOld: the user was not authenticated again, as the leg requires.
        """
        if leg is not None and not self._is_openid:
            require_recent(None, leg.reauthentication)
        claims: dict[str, Any] = {}
        if self._is_openid and (tokens.id_token is not None or subject is None):
            claims = await self._id_token_claims(tokens, leg, subject)
        userinfo = await self._userinfo_of(tokens, claims)
        known = await extend_claims(self._facts, {**userinfo, **claims}, tokens, self._get)
        account = read_account(self.provider.issuer_url, known, self._facts, claims)
        if subject is not None and account.subject != subject:
            raise ProviderAnswerRefused("the refreshed tokens are of another account")
        return account

    @property
    def _is_openid(self) -> bool:
        return self._facts.endpoints is None

    def _scopes(self, metadata: ServerMetadata) -> list[str]:
        known = metadata.scopes_supported
        offline = self._facts.offline_scope
        wanted = [*self._facts.scopes, *self.provider.provider_scopes]
        if self.provider.reads_memberships:
            wanted += self._facts.membership_scopes
        if offline is not None and (known is None or offline in known):
            wanted.append(offline)
        filled = [one.replace("{client_id}", self.provider.client_id) for one in wanted]
        return list(dict.fromkeys(filled))

    async def _id_token_claims(
        self, tokens: ProviderTokens, leg: AuthorizationLeg | None, subject: str | None
    ) -> dict[str, Any]:
        if tokens.id_token is None:
            raise ProviderAnswerRefused("no id_token in the answer: is the scope openid allowed?")
        expected = ExpectedIdToken(
            issuer=self.provider.issuer_url,
            client_id=self.provider.client_id,
            algorithms=await self.algorithms(),
            now=self._clock(),
            nonce=None if leg is None else leg.nonce,
            # Where another claim is the subject, the account is compared, and not this one.
            subject=subject if self._facts.subject_claim == "sub" else None,
            access_token=tokens.access_token,
            reauthentication=None if leg is None else leg.reauthentication,
        )
        return await verify_id_token(tokens.id_token, self.keys, expected)

    async def _userinfo_of(
        self, tokens: ProviderTokens, claims: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return the userinfo where the ID token has not got it all; it must be of the same user."""
        if claims and not (self._facts.userinfo or self._lacks_claims(claims)):
            return {}
        endpoint = (await self.metadata()).userinfo_endpoint
        if endpoint is None and not claims:
            raise ProviderAnswerRefused("neither an id_token nor a userinfo endpoint")
        if endpoint is None:
            return {}
        userinfo = await self._get(self._internal(endpoint), tokens)
        # Spec: OpenID Connect Core 1.0 §5.3.2: a token swapped in between would add its claims.
        if claims and userinfo.get("sub") != claims.get("sub"):
            raise ProviderAnswerRefused("sub of the userinfo is not that of the ID token")
        return userinfo

    def _lacks_claims(self, claims: Mapping[str, Any]) -> bool:
        """
        Return whether the ID token leaves out what is read from it.

        Spec: OpenID Connect Core 1.0 §5.4: the claims of ``profile`` and ``email`` are in the userinfo.
        """
        read = [self._facts.name_claims, self._facts.email_claims]
        if self.provider.reads_memberships:
            memberships = (self._facts.groups_claim, *self._facts.organization_claims)
            read.append(tuple(name for name in memberships if name is not None))
        return any(claims.keys().isdisjoint(names) for names in read if names)

    async def _get(self, url: str, tokens: ProviderTokens) -> Mapping[str, Any]:
        request = FetchRequest(authorization=f"Bearer {tokens.access_token}")
        response = await self._send("user information", url, request)
        if response.status == 401:
            raise ProviderTokenRefused(
                f"{self.provider.name}: an API answered 401 to its own token"
            )
        # 403 is no end of the token: GitHub answers so where a rate limit is reached.
        if response.status == 403:
            raise ProviderAnswerRefused("the API answered 403 to its own token")
        if response.status != 200:
            raise ProviderUnavailable(f"{self.provider.name}: an API answered {response.status}")
        try:
            value = strict_json.parse(response.body)
        except strict_json.NotStrictJson:
            raise ProviderUnavailable(f"{self.provider.name}: an API answered no JSON") from None
        if not isinstance(value, dict):
            return {"items": value}
        # Slack reports errors with status 200, that of a revoked token among them.
        if value.get("ok") is False:
            raise refusal_of(self.provider.name, value.get("error"), response.status)
        return value

    async def _request_tokens(
        self, form: Mapping[str, str], longest: float | None = None
    ) -> ProviderTokens:
        metadata = await self.metadata()
        request = replace(self._authenticated(metadata, form), timeout=longest)
        response = await self._send(
            "token request", self._internal(metadata.token_endpoint), request
        )
        return read_tokens(self.provider.name, response, now=self._clock())

    def _authenticated(self, metadata: ServerMetadata, form: Mapping[str, str]) -> FetchRequest:
        credential = ClientCredential(
            client_id=self.provider.client_id, client_secret=self.provider.client_secret
        )
        method = CLIENT_AUTH_METHODS[self._auth_method(metadata)]
        authenticated = method.apply(credential, form, self.provider.issuer_url, self._clock())
        return FetchRequest(
            method="POST",
            body=urlencode(authenticated.form).encode("ascii"),
            content_type="application/x-www-form-urlencoded",
            authorization=authenticated.headers.get("Authorization"),
        )

    def _auth_method(self, metadata: ServerMetadata) -> str:
        if self.provider.client_secret is None:
            return "none"
        if self._facts.client_auth_method is not None:
            return self._facts.client_auth_method
        offered = metadata.token_endpoint_auth_methods_supported
        basic = "client_secret_basic" in offered or "client_secret_post" not in offered
        return "client_secret_basic" if basic else "client_secret_post"

    async def _send(self, what: str, url: str, request: FetchRequest) -> FetchResponse:
        try:
            with (
                observed("provider", self.provider.name),
                provider_call(self.provider.name, what) as call,
            ):
                response = await self._fetcher.send(url, request, limit=MAX_RESPONSE)
                call.status = response.status
                return response
        except (FetchFailed, FetchRefused) as error:
            raise ProviderUnavailable(f"{self.provider.name}: {error.detail}") from None

    def _internal(self, url: str) -> str:
        """Return where this process reaches an endpoint of the issuer."""
        return reachable_url(url, self.provider.issuer_url, self.provider.internal_url)

    async def _load_metadata(self) -> Expiring[ServerMetadata]:
        if self._facts.endpoints is not None:
            fixed = self._facts.endpoints.at(self.provider.issuer_url.rstrip("/"))
            return Expiring(
                ServerMetadata(
                    issuer=self.provider.issuer_url,
                    authorization_endpoint=fixed.authorization,
                    token_endpoint=fixed.token,
                    userinfo_endpoint=fixed.userinfo,
                    revocation_endpoint=fixed.revocation,
                )
            )
        # The OpenID document first: the other one lacks userinfo at several providers.
        urls = metadata_urls(self.provider.internal_url or self.provider.issuer_url)
        others: list[str] = []

        def parse(document: Mapping[str, Any], issuer: str) -> ServerMetadata:
            try:
                return parse_identity_provider(document, issuer)
            except IssuerMismatch as mismatch:
                others.append(str(mismatch))
                raise

        try:
            with (
                observed("provider", self.provider.name),
                provider_call(self.provider.name, "metadata") as call,
            ):
                found = await fetch_metadata(
                    "sign-in",
                    parse,
                    sorted(urls, key=lambda url: OPENID not in url),
                    issuer=self.provider.issuer_url,
                    fetcher=self._fetcher,
                )
                call.status = 200
            self.was_read = True
            return Expiring(found)
        except FetchFailed as error:
            detail = f"{self.provider.name}: {error.detail}"
        if others:
            raise ProviderMisconfigured(
                detail,
                description="The identity provider's metadata names another issuer than the setting"
                " issuer of this server.",
            )
        raise ProviderUnavailable(detail)
