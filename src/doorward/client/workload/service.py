"""Signing in without a person: a service, a workload, or an employee whose company decides."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import httpx2

from doorward.client.http.http_client import HttpClient, HttpResponse
from doorward.client.http.url_policy import UrlPolicy
from doorward.client.oauth.discovery import BearerChallenge, DiscoveredIssuer
from doorward.client.oauth.dpop import DpopProver
from doorward.client.oauth.registration import no_issuer, preconfigured
from doorward.client.oauth.token_endpoint import exchange_grant
from doorward.client.oauth.tokens import Tokens, is_sendable
from doorward.client.refusals import ProtocolBroken, SignInFailed, Unreachable
from doorward.client.sign_in.flow import SignIn
from doorward.jose.compact import NotCompact, unverified_claims
from doorward.wire.oauth.scope import build_scope

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105  (a name)
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105  (a name)

TokenSource = Callable[[str], Awaitable[str]]
"""Is given the audience, and returns a JWT that says who runs here."""


class ServiceGrant(Protocol):
    """A way to tokens that needs nobody in front of a screen."""

    async def form(self, found: DiscoveredIssuer, scopes: frozenset[str]) -> dict[str, str]:
        """Return what is posted to the token endpoint of ``found``, without resource and scope."""


class ClientCredentials:
    """
    The service itself is who is signed in: its secret or its private key is all it shows.

    Spec: RFC 6749 §4.4; MCP extension OAuth client credentials
    """

    async def form(
        self,
        found: DiscoveredIssuer,  # noqa: ARG002  (the signature is Grant's)
        scopes: frozenset[str],  # noqa: ARG002
    ) -> dict[str, str]:
        """Return the grant's one parameter."""
        return {"grant_type": "client_credentials"}


@dataclass(frozen=True)
class WorkloadIdentity:
    """
    The platform says who runs here, in a JWT made for the issuer; ``source`` fetches it.

    A JWT is sent only where it is meant for: its ``aud`` must name the issuer or its token endpoint,
    and nobody else. ``audience`` is for platforms that call the issuer by another name, as Azure
    calls it by an application; then ``aud`` must be exactly that. Never give the audience of another
    service, such as ``sts.amazonaws.com``: the issuer could use the JWT there.

    Spec: RFC 7523 §2.1, §3; MCP extension workload identity federation
    """

    source: TokenSource
    audience: str | None = None

    async def form(
        self,
        found: DiscoveredIssuer,
        scopes: frozenset[str],  # noqa: ARG002  (the signature is Grant's)
    ) -> dict[str, str]:
        """
        Return the grant with a JWT made for the issuer of ``found``.

        Raises:
            ProtocolBroken: with reason ``wrong-workload-audience``; nothing is sent.
            DoorwardError: what ``source`` raises.
        """
        issuer = found.server.issuer
        token = await self.source(self.audience or issuer)
        expected = {self.audience} if self.audience else {issuer, found.server.token_endpoint}
        _require_audience(token, expected, issuer)
        return {"grant_type": JWT_BEARER, "assertion": token}


@dataclass(frozen=True, kw_only=True)
class EnterpriseManaged:
    """
    The company's identity provider says which servers its people may use.

    Two legs: the provider at ``token_endpoint`` gives an identity assertion for the server in
    exchange for what ``subject_token`` returns, the ID token of the person's single sign-on; the
    server's issuer gives tokens for the assertion. ``client_id`` and ``client_secret`` are those
    that the identity provider knows this client by.

    Spec: MCP extension enterprise-managed authorization; RFC 8693 §2.1; RFC 7523 §2.1
    """

    token_endpoint: str
    client_id: str
    subject_token: Callable[[], Awaitable[str]] = field(repr=False)
    client_secret: str | None = field(default=None, repr=False)
    subject_token_type: str = ID_TOKEN
    transport: httpx2.AsyncBaseTransport | None = field(default=None, repr=False)

    async def form(self, found: DiscoveredIssuer, scopes: frozenset[str]) -> dict[str, str]:
        """Return the second leg's grant, with the assertion that the first leg gave."""
        form = {
            "grant_type": TOKEN_EXCHANGE,
            "requested_token_type": ID_JAG,
            "audience": found.server.issuer,
            "resource": found.resource.resource,
            "subject_token": await self.subject_token(),
            "subject_token_type": self.subject_token_type,
            "client_id": self.client_id,
        }
        if self.client_secret is not None:
            form["client_secret"] = self.client_secret
        if scopes:
            form["scope"] = build_scope(scopes)
        # The user configured the provider, so it gets its own URL policy, not the server's.
        http_client = HttpClient(UrlPolicy(self.token_endpoint), self.transport)
        try:
            answer = await http_client.post_form(self.token_endpoint, "identity provider", form)
        finally:
            await http_client.aclose()
        return {"grant_type": JWT_BEARER, "assertion": _assertion(answer)}


def _require_audience(token: str, expected: set[str], issuer: str) -> None:
    # Whoever gets a JWT for several audiences can show it to each of the others.
    audiences = _audiences(token)
    if audiences and audiences <= expected:
        return
    raise ProtocolBroken(
        "wrong-workload-audience",
        f"The platform's JWT is for {', '.join(sorted(audiences)) or 'nobody'}, and not for {issuer} "
        "alone.",
        "Nothing was sent. Have the platform make one whose audience is the issuer.",
    )


def _audiences(token: str) -> frozenset[str]:
    """Return whom a JWT names in ``aud``; it is read, not verified: the issuer does that."""
    try:
        document = unverified_claims(token).get("aud")
    except NotCompact:
        return frozenset()
    values: list[Any] = document if isinstance(document, list) else [document]
    return frozenset(values) if all(isinstance(value, str) for value in values) else frozenset()


def _assertion(answer: HttpResponse) -> str:
    """Return the identity assertion in the provider's answer, and nothing that only looks so."""
    if answer.status >= 500:
        raise Unreachable(
            "server-error", f"The identity provider answered {answer.status}.", "Try again soon."
        )
    if answer.status != 200:
        raise SignInFailed(
            "identity-provider-refused",
            f"The identity provider refused ({answer.status}).",
            "Sign in there again, or ask your administrator for leave to use this server.",
        )
    document = answer.document()
    token = document.get("access_token")
    if document.get("issued_token_type") != ID_JAG or not is_sendable(token):
        raise ProtocolBroken(
            "no-identity-assertion", "The identity provider gave something else than was asked."
        )
    return str(token)


@dataclass(frozen=True, kw_only=True)
class ServiceSignIn(SignIn):
    """
    Signs in to an MCP server without a person, by ``grant``; ``client_config`` says as which client.

    ```python
    key = PrivateKey.from_pem(pem)
    client_config = ClientConfig(client_id="nightly", private_key=key, issuer="https://login.example")
    sign_in = ServiceSignIn.for_server(url, grant=ClientCredentials(), client_config=client_config)
    async with httpx2.AsyncClient(auth=OAuth(url, sign_in)) as http: ...
    ```

    ``client_config`` must name the issuer: the MCP server names one as well, and nobody is there to see
    that it is a thief's. Secrets, assertions and JWTs go to that issuer alone, and so do tokens come
    from it. A refusal of the issuer stands: nothing is tried a second time or in another way. Never
    registers by itself and never opens a browser.

    Raises:
        ConfigurationError: with reason ``no-issuer``.

    Spec: MCP extensions OAuth client credentials, enterprise-managed authorization, workload
    identity federation
    """

    grant: ServiceGrant
    needs_user: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.client_config.issuer is None and self._client_id is not None:
            raise no_issuer(f"The service {self._client_id}")

    @property
    def _client_id(self) -> str | None:
        return self.client_config.client_id or self.client_config.document

    def tokens_for(self, server_url: str) -> Tokens | None:
        """Return the tokens of this client from its issuer; another's are not what it may use."""
        kept = super().tokens_for(server_url)
        ours = (self.client_config.issuer, self._client_id)
        return kept if kept is not None and (kept.issuer, kept.client_id) == ours else None

    async def refresh(self, server_url: str, old: Tokens) -> Tokens:
        """
        Return tokens newer than ``old``: those another process has just got, or our own.

        Raises:
            ClientRefused: whatever went wrong, by its class.
        """
        async with self.token_store.lock(old.issuer, old.resource):
            kept = self.tokens_for(server_url)
            if kept and kept.access_token != old.access_token and kept.is_fresh(self.clock()):
                return kept
            form = BearerChallenge(scopes=old.scopes or None, dpop=old.proof_key is not None)
            return await self.sign_in(server_url, form)

    async def _authorize(
        self, found: DiscoveredIssuer, scopes: frozenset[str], prover: DpopProver | None
    ) -> Tokens:
        registration = preconfigured(self.client_config, found.server)
        if registration is None:
            raise SignInFailed(
                "no-client",
                f"No client is configured for {found.server.issuer}.",
                "Register one there by hand and give its id; a service registers none by itself.",
            )
        self.progress("client", f"{registration.client_id} ({registration.kind})")
        form = {**await self.grant.form(found, scopes), "resource": found.resource.resource}
        if scopes:
            form["scope"] = build_scope(scopes)
        return await exchange_grant(
            self.http_client,
            found.server,
            registration,
            form,
            self.clock,
            resource=found.resource.resource,
            requested=scopes,
            prover=prover,
        )
