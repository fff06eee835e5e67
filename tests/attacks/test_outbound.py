"""Attacks on what is sent elsewhere: by the client, by the fetcher, and by the gateway."""

import ssl
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from doorward.client import ClientConfig, ClientRefused, SignInFailed
from doorward.errors import DoorwardError
from doorward.net import Fetcher
from doorward.net.http.refusals import FetchFailed, FetchRefused
from tests.attacks.attack import Defence, attack
from tests.authserver.harness import challenge_of
from tests.client.conftest import Open
from tests.client.fake_issuer import ISSUER, FakeIssuer, changed
from tests.gateway.running_gateway import running_gateway
from tests.ledger import proves
from tests.net.tls_server import ok, saying, serving, to

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]
THIEF = "https://thief.example"
_RESOURCE = "https://evil.example/mcp"


def thief_issuer(fake_issuer: FakeIssuer) -> None:
    """Let the MCP server name another authorization server, which collects what it is sent."""
    metadata = {
        name: value.replace(ISSUER, THIEF) if isinstance(value, str) else value
        for name, value in fake_issuer.metadata.items()
    }
    fake_issuer.resource["authorization_servers"] = [THIEF]
    fake_issuer.answer = changed(iss=THIEF)
    fake_issuer.routes |= {
        f"{THIEF}/.well-known/oauth-authorization-server": lambda _: httpx2.Response(
            200, json=metadata
        ),
        f"{THIEF}/register": lambda _: httpx2.Response(201, json={"client_id": "fresh"}),
        f"{THIEF}/token": lambda _: httpx2.Response(400, json={"error": "invalid_grant"}),
    }


def sent_to_thief(fake_issuer: FakeIssuer, secret: str) -> list[str]:
    """Return the requests to the thief that have the secret in them."""
    return [
        str(one.url)
        for one in fake_issuer.asked
        if one.url.host == "thief.example"
        and secret.encode() in str(one.url).encode() + one.content + repr(one.headers).encode()
    ]


@proves("S172", "refuses", "a static secret is pinned")
@attack(
    "An MCP server names the attacker's authorization server, and the client sends its secret there.",
    "CVE-2026-104850",
    Defence(
        "doorward.client.oauth.registration:preconfigured",
        {"client_config.issuer is not None and client_config.issuer != server.issuer": "False"},
    ),
)
async def test_the_secret_of_a_client_goes_to_its_own_issuer_alone(
    open_client: Open, fake_issuer: FakeIssuer
) -> list[str]:
    fake_issuer.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    thief_issuer(fake_issuer)
    client_config = ClientConfig(client_id="mine", client_secret="s3cret", issuer=ISSUER)

    async with open_client(client_config=client_config) as connection:
        with pytest.raises(SignInFailed):
            await connection.log_in()

    return sent_to_thief(fake_issuer, "s3cret")


@proves("S170", "refuses", "iss in responses")
@attack(
    "The browser comes back from another authorization server than the one that the client asked, with"
    " a code of the honest one, and the client redeems it at the attacker's.",
    "CVE-2026-115563, RFC 9700 §4.4",
    Defence(
        "doorward.client.oauth.authorization:_issuer",
        {"iss != attempt.server.issuer": "False"},
    ),
)
async def test_a_code_is_redeemed_at_the_issuer_that_sent_it(
    open_client: Open, fake_issuer: FakeIssuer
) -> list[str]:
    thief_issuer(fake_issuer)
    # The thief redirects the browser to the honest server, whose response names the honest one.
    fake_issuer.answer = changed(iss=ISSUER)

    async with open_client() as connection:
        with pytest.raises(SignInFailed):
            await connection.log_in()

    return sent_to_thief(fake_issuer, "code-")


@proves("S167", "refuses", "metadata of another resource")
@attack(
    "The attacker's MCP server describes itself as the victim's server, and gets a token for that.",
    "CVE-2026-123272, CVE-2026-54030",
    Defence(
        "doorward.wire.oauth.resource_metadata:parse",
        {"if metadata.resource != expected_resource:": "if False:"},
    ),
)
async def test_a_server_that_describes_another_gets_no_token(
    open_client: Open, fake_issuer: FakeIssuer
) -> list[str]:
    metadata = "https://evil.example/.well-known/oauth-protected-resource/mcp"
    fake_issuer.routes[_RESOURCE] = lambda _: httpx2.Response(
        401, headers={"WWW-Authenticate": f'Bearer resource_metadata="{metadata}"'}
    )
    # The document of the victim's server, word by word.
    fake_issuer.routes[metadata] = lambda _: httpx2.Response(200, json=fake_issuer.resource)

    async with open_client(_RESOURCE) as connection:
        try:
            await connection.log_in()
            await connection.client.list_tools()
        except (DoorwardError, ClientRefused):
            pass

    return [
        one.headers["authorization"]
        for one in fake_issuer.asked
        if one.url.host == "evil.example" and "authorization" in one.headers
    ]


@proves("S175", "refuses", "fresh state and verifier")
@attack(
    "The client uses its verifier as `state` too. The attacker reads it in the URL, and redeems the"
    " code.",
    "CVE-2026-34511",
    Defence(
        "doorward.client.oauth.authorization:AuthorizationRequest.url",
        {'"state": self.state,': '"state": self.verifier,'},
    ),
)
async def test_the_url_does_not_tell_the_verifier(
    open_client: Open, fake_issuer: FakeIssuer
) -> list[str]:
    opened: list[str] = []

    def browser(url: str) -> None:
        opened.append(url)
        raise SignInFailed("test", "The browser closes.", "")

    async with open_client(browser=browser) as connection:
        with pytest.raises(SignInFailed):
            await connection.log_in()

    asked = parse_qs(urlsplit(opened[0]).query)
    visible = [value for values in asked.values() for value in values]
    return [value for value in visible if challenge_of(value) == asked["code_challenge"][0]]


@proves("S65", "refuses", "documents do not redirect")
@attack(
    "The document at a public address redirects to an address inside the network, which is fetched.",
    "CVE-2026-54031",
    Defence(
        "doorward.net.http.fetcher:Fetcher._answer",
        {
            "from doorward.net.http.exchange import exchange": "from tests.attacks.following import"
            " exchange_and_follow as exchange"
        },
    ),
)
async def test_a_redirect_leads_nowhere(tls: Contexts) -> bytes | None:
    async with serving(saying(ok(b"the secrets of the inside")), tls[0]) as inside:
        redirect = f"HTTP/1.1 302 Found\r\nLocation: {inside.url()}\r\nContent-Length: 0\r\n\r\n"
        async with serving(saying(redirect.encode()), tls[0]) as outside:
            fetcher = Fetcher(
                allow_private_hosts=frozenset({outside.pair}), resolver=to("127.0.0.1"), tls=tls[1]
            )
            try:
                return (await fetcher.fetch(outside.url())).body
            except (FetchFailed, FetchRefused):
                assert inside.requests == []
                return None


@proves("S66", "refuses", "special addresses are refused")
@attack(
    "A registration names a URL for its keys whose host resolves to an address inside the network.",
    "CVE-2026-1180, CVE-2026-4874",
    Defence(
        "doorward.net.http.checked_addresses:checked_addresses",
        {"not_unicast(addresses) if internal_too else not_public(addresses)": "[]"},
    ),
)
async def test_a_url_of_a_registration_leads_to_no_inside_address(tls: Contexts) -> bytes | None:
    async with serving(saying(ok(b"the secrets of the inside")), tls[0]) as inside:
        fetcher = Fetcher(resolver=to("127.0.0.1"), tls=tls[1])
        try:
            return (await fetcher.fetch(inside.url())).body
        except (FetchFailed, FetchRefused):
            assert inside.requests == []
            return None


@proves("S149", "refuses", "internal headers are stripped")
@attack(
    "The attacker sends a header that names another upstream server, and the gateway sends the"
    " caller's token there.",
    "CVE-2026-15583",
    Defence(
        "doorward.gateway.forwarder:_RequestCycle._read",
        {
            "origin=route.upstream,": 'origin=headers.by_name.get(b"x-forwarded-host",'
            " route.upstream.encode()).decode(),"
        },
    ),
)
async def test_no_header_chooses_who_gets_the_token() -> list[str]:
    async with serving(saying(ok(b"{}")), None) as thief, running_gateway(ok(b"{}")) as gateway:
        origin = f"http://127.0.0.1:{thief.port}"
        await gateway.post(
            "/mcp",
            b"",
            ("Authorization", "Bearer the-token-of-the-service"),
            ("X-Forwarded-Host", origin),
            ("X-Upstream", origin),
        )
        return thief.requests


@proves("S217", "refuses", "no inbound token to backends")
@attack(
    "An application forwards all headers to the next server, which uses the caller's token in turn.",
    "MCP security best practices, token passthrough",
    Defence(
        "doorward.gateway.upstream.credentials:sent_upstream",
        {"dropped = _REQUEST[credentials]": "dropped = frozenset()"},
    ),
)
async def test_the_token_of_the_caller_stays_at_the_guard() -> list[str]:
    async with running_gateway(ok(b"{}"), credentials="none") as gateway:
        await gateway.post("/mcp", b"", ("Authorization", "Bearer the-token-of-the-caller"))
        return [one for one in gateway.upstream.requests if "the-token-of-the-caller" in one]
