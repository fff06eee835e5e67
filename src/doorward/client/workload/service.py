"""Sign-in without a user: client credentials, workload identity, enterprise-managed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import httpx2

from doorward.client.http.http_client import HttpClient, HttpResponse
from doorward.client.http.url_policy import UrlPolicy
from doorward.client.oauth.discovery import BearerChallenge, DiscoveredIssuer
from doorward.client.oauth.dpop import DpopProver
from doorward.client.oauth.registration import no_issuer, preconfigured
from doorward.client.oauth.tokens import Tokens, is_sendable
from doorward.client.refusals import ProtocolBroken, SignInFailed, Unreachable
from doorward.client.sign_in.flow import SignIn
from doorward.jose.compact import MalformedJws, unverified_claims
from doorward.wire.oauth.scope import build_scope

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105  (a name)
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105  (a name)

TokenSource = Callable[[str], Awaitable[str]]
"""Gets the audience, and returns a JWT of the workload."""


class ServiceGrant(Protocol):
    """A grant that needs no user."""

    async def form(self, found: DiscoveredIssuer, scopes: frozenset[str]) -> dict[str, str]:
        """Return the token request for ``found``, without resource and scope."""


class ClientCredentials:
    """
    The service signs in as itself, with its secret or its private key.

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
    The workload signs in with a JWT of its platform; ``source`` fetches the JWT.

    ```python
    async def pod_token(audience: str) -> str:
        return Path("/var/run/secrets/tokens/mcp").read_text()

    grant: ServiceGrant = WorkloadIdentity(source=pod_token)
    ```

    The JWT's ``aud`` must be the issuer or its token endpoint, and nothing else. ``audience`` is for
    platforms with another name for the issuer, such as an application at Azure; ``aud`` must then be
    exactly that name. Never set the audience of another service, such as ``sts.amazonaws.com``: the
    issuer could use the JWT there.

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
        Return the grant with a JWT for the issuer of ``found``.

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
    The company's identity provider decides which servers its employees may use.

    ```python
    async def id_token() -> str:
        return Path("id_token").read_text()  # of the user's sign-in at your identity provider

    grant: ServiceGrant = EnterpriseManaged(
        token_endpoint="https://idp.example/token",
        client_id="agent",
        client_secret=os.environ["CLIENT_SECRET"],
        subject_token=id_token,
    )
    ```

    Two steps: the provider at ``token_endpoint`` exchanges the ID token from ``subject_token`` for an
    identity assertion (ID-JAG); the server's issuer exchanges the assertion for tokens.
    ``client_id`` and ``client_secret`` are this client's credentials at the identity provider.

    Spec: MCP extension enterprise-managed authorization; RFC 8693 §2.1; RFC 7523 §2.1
    """

    token_endpoint: str
    client_id: str
    subject_token: Callable[[], Awaitable[str]] = field(repr=False)
    client_secret: str | None = field(default=None, repr=False)
    subject_token_type: str = ID_TOKEN
    transport: httpx2.AsyncBaseTransport | None = field(default=None, repr=False)

    async def form(self, found: DiscoveredIssuer, scopes: frozenset[str]) -> dict[str, str]:
        """Return the grant of the second step, with the assertion from the first."""
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
    # A recipient of a JWT with several audiences can use it at the others.
    audiences = _audiences(token)
    if audiences and audiences <= expected:
        return
    raise ProtocolBroken(
        "wrong-workload-audience",
        f"The platform's JWT has the audience {', '.join(sorted(audiences)) or '(none)'}, expected "
        f"only {issuer}.",
        "Nothing was sent. Configure the platform to issue a JWT whose audience is the issuer.",
    )


def _audiences(token: str) -> frozenset[str]:
    """Return the audiences of a JWT, without verification: the issuer verifies it."""
    try:
        audience = unverified_claims(token).get("aud")
    except MalformedJws:
        return frozenset()
    values: list[Any] = audience if isinstance(audience, list) else [audience]
    return frozenset(values) if all(isinstance(value, str) for value in values) else frozenset()


def _assertion(answer: HttpResponse) -> str:
    """Return the identity assertion in the provider's response."""
    if answer.status >= 500:
        raise Unreachable(
            "server-error", f"The identity provider answered {answer.status}.", "Try again soon."
        )
    if answer.status != 200:
        raise SignInFailed(
            "identity-provider-refused",
            f"The identity provider refused ({answer.status}).",
            "Sign in there again, or ask your administrator for access to this server.",
        )
    document = answer.document()
    token = document.get("access_token")
    if document.get("issued_token_type") != ID_JAG or not is_sendable(token):
        raise ProtocolBroken(
            "no-identity-assertion", "The identity provider did not return an identity assertion."
        )
    return str(token)


@dataclass(frozen=True, kw_only=True)
class ServiceSignIn(SignIn):
    """
    Signs in to an MCP server with ``grant`` and the client in ``client_config``, without a user.

    ```python
    config = ClientConfig(
        client_id="nightly",
        private_key=PrivateKey.from_pem(Path("key.pem").read_bytes()),
        issuer="https://login.example",
    )
    async with connect(
        "https://mcp.example/mcp", grant=ClientCredentials(), client_config=config
    ) as client:
        tools = await client.list_tools()

    # The same for your own HTTP client:
    sign_in = ServiceSignIn.for_server(
        "https://mcp.example/mcp", grant=ClientCredentials(), client_config=config
    )
    auth = OAuth("https://mcp.example/mcp", sign_in)
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
        """Return the stored tokens of this client from its issuer, or ``None``."""
        kept = super().tokens_for(server_url)
        ours = (self.client_config.issuer, self._client_id)
        return kept if kept is not None and (kept.issuer, kept.client_id) == ours else None

    async def refresh(self, server_url: str, old: Tokens) -> Tokens:
        """
        Return tokens newer than ``old``: stored by another process, or requested here.

        Raises:
            ClientRefused: the token request failed; the class says why.
        """
        async with self.token_store.lock(old.issuer, old.resource):
            kept = self.tokens_for(server_url)
            if kept and kept.access_token != old.access_token and kept.is_fresh(self.clock()):
                return kept
            challenge = BearerChallenge(scopes=old.scopes or None, dpop=old.proof_key is not None)
            return await self.sign_in(server_url, challenge)

    async def _authorize(
        self, found: DiscoveredIssuer, scopes: frozenset[str], prover: DpopProver | None
    ) -> Tokens:
        registration = preconfigured(self.client_config, found.server)
        if registration is None:
            raise SignInFailed(
                "no-client",
                f"No client is configured for {found.server.issuer}.",
                "Register a client there, and set its id. A service does not register itself.",
            )
        self.progress("client", f"{registration.client_id} ({registration.kind})")
        form = {**await self.grant.form(found, scopes), "resource": found.resource.resource}
        if scopes:
            form["scope"] = build_scope(scopes)
        return await self._exchange(found, registration, form, scopes, prover)
