"""An upstream server learns who called from headers that only the gateway writes."""

import json
from typing import Any

import jwt
import pytest

from doorward.downstream.refusals import AccountNotConnected
from doorward.errors import ConfigurationError
from doorward.gateway import Gateway, Route
from doorward.gateway.upstream.credentials import Credentials
from doorward.gateway.upstream.identity import ASSERTION_TYPE, UpstreamIdentity
from doorward.identity import SCOPE_KEY, Identity, reset_giving, set_giving
from doorward.jose.private_key import PrivateKey
from doorward.wire.asgi import Receive, Scope, Send
from doorward.wire.jsonrpc.envelope import SCOPE_KEY as ENVELOPE_KEY
from doorward.wire.jsonrpc.envelope import read_envelope
from tests.e2e import raw_http
from tests.gateway.running_gateway import PUBLIC, RunningGateway, listening
from tests.ledger import proves
from tests.mcp_server.rpc_client import person
from tests.net.tls_server import ok, saying, serving

BODY = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add"}})
JSON = ("Content-Type", "application/json")


async def received(
    *sent: tuple[str, str],
    caller: Identity | None = None,
    credentials: Credentials = "none",
    pass_headers: tuple[str, ...] = (),
    **settings: Any,
) -> tuple[dict[str, str], Any]:
    """Return the headers that the upstream server got, and the answer that the caller got."""
    async with serving(saying(ok(b"{}", "Content-Type: application/json")), None) as upstream:
        gateway = Gateway(
            public=PUBLIC,
            routes=(Route(path="/mcp", upstream=f"http://127.0.0.1:{upstream.port}"),),
            identity=UpstreamIdentity(**settings),
            credentials=credentials,
            pass_headers=pass_headers,
        )

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                scope[SCOPE_KEY] = caller or person("alice", "mcp:tools")
                scope[ENVELOPE_KEY] = read_envelope(BODY.encode(), [])
            await gateway(scope, receive, send)

        async with listening(guarded) as port:  # type: ignore[arg-type]
            running = RunningGateway(port, upstream)
            answer = await running.send(
                raw_http.request("POST", "/mcp", BODY.encode(), JSON, *sent)
            )
        if not upstream.requests:
            return {}, answer
        lines = upstream.requests[0].split("\r\n\r\n")[0].split("\r\n")[1:]
        return dict(line.split(": ", 1) for line in lines), answer


@proves("S148", "accepts", "token is never forwarded")
@proves("S217", "accepts", "no inbound token to backends")
async def test_the_caller_is_named_by_subject_and_issuer() -> None:
    got, _ = await received()

    assert got["x-doorward-subject"] == "alice"
    assert got["x-doorward-issuer"] == "https://as.example"


@proves("S148", "refuses", "token is never forwarded")
@proves("S217", "refuses", "no inbound token to backends")
async def test_what_a_caller_claims_is_dropped_with_its_token() -> None:
    got, _ = await received(
        ("X-Doorward-Subject", "root"),
        ("X_Doorward_Subject", "root"),
        ("Authorization", "Bearer stolen"),
        ("Cookie", "session=1"),
    )

    assert [value for name, value in got.items() if "subject" in name.lower()] == ["alice"]
    assert "authorization" not in {name.lower() for name in got}
    assert "cookie" not in {name.lower() for name in got}


async def test_other_members_go_into_headers_of_the_operators_choice() -> None:
    got, _ = await received(
        caller=person("alice", "b", "a", roles=("admin",)),
        caller_headers={"subject": "X-User", "scopes": "X-Scopes", "roles": "X-Roles"},
    )

    assert (got["x-user"], got["x-scopes"], got["x-roles"]) == ("alice", "a b", "admin")
    assert "x-doorward-subject" not in got


@pytest.mark.parametrize(
    ("subject", "header"),
    [("Zoë", "Zo%C3%AB"), ("a\r\nX-Role: admin", "a%0D%0AX-Role: admin"), ("50%", "50%25")],
)
async def test_no_subject_can_write_a_second_header(subject: str, header: str) -> None:
    got, _ = await received(caller=person(subject))

    assert got["x-doorward-subject"] == header
    assert "X-Role" not in got


async def test_an_address_that_nobody_verified_is_not_told() -> None:
    verified = json.dumps({"email": "a@example.com", "email_verified": True}).encode()
    claimed = json.dumps({"email": "root@example.com"}).encode()
    names = {"email": "X-Mail"}
    one, _ = await received(caller=_with(verified), caller_headers=names)
    other, _ = await received(caller=_with(claimed), caller_headers=names)

    assert one["x-mail"] == "a@example.com"
    assert "x-mail" not in other


async def test_an_assertion_is_verified_with_a_common_library() -> None:
    key = PrivateKey.generate("ES256")
    got, _ = await received(
        assertion_header="X-Doorward-Assertion",
        audience="http://127.0.0.1:9000/mcp",
        sign=lambda claims: key.sign({"typ": ASSERTION_TYPE}, {"iss": "https://as", **claims}),
    )

    claims = jwt.decode(
        got["x-doorward-assertion"],
        jwt.PyJWK(key.public_jwk()).key,
        ["ES256"],
        audience="http://127.0.0.1:9000/mcp",
        issuer="https://as",
    )
    assert (claims["sub"], claims["sub_issuer"]) == ("alice", "https://as.example")
    assert claims["exp"] - claims["iat"] == 60


async def test_a_secret_of_the_upstream_server_is_sent_as_it_wants() -> None:
    bearer, _ = await received(secret="hush")
    named, _ = await received(secret="hush", secret_header="X-Api-Key")

    assert bearer["authorization"] == "Bearer hush"
    assert named["x-api-key"] == "hush"


async def test_the_callers_own_token_at_a_provider_is_sent() -> None:
    async def give(caller: Identity, name: str, _scopes: frozenset[str]) -> str:
        return f"token of {caller.subject} at {name}"

    before = set_giving(give)
    got, _ = await received(token_for="github")
    reset_giving(before)

    assert got["authorization"] == "Bearer token of alice at github"


async def test_a_caller_without_an_account_gets_the_link_and_the_upstream_server_nothing() -> None:
    async def give(*_: Any) -> str:
        raise AccountNotConnected("github", "no account", "https://mcp.example/connect/1")

    before = set_giving(give)
    got, answer = await received(token_for="github")
    reset_giving(before)

    assert got == {}
    assert answer.json["result"]["isError"] is True
    assert "https://mcp.example/connect/1" in answer.json["result"]["content"][0]["text"]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"caller_headers": {"subjekt": "X-User"}}, "caller-member"),
        ({"caller_headers": {"subject": "Mcp-Session-Id"}}, "caller-header"),
        ({"caller_headers": {"subject": "Content-Length"}}, "caller-header"),
        ({"caller_headers": {"subject": "X-User", "name": "x-user"}}, "caller-header"),
        ({"caller_headers": {"subject": "X User"}}, "not-a-header"),
        ({"secret": "hush", "token_for": "github"}, "two-upstream-credentials"),
    ],
)
def test_headers_that_callers_could_send_are_refused(settings: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        UpstreamIdentity(**settings)

    assert refused.value.reason == reason


async def test_a_header_is_either_the_gateways_or_the_callers() -> None:
    with pytest.raises(ConfigurationError) as passed:
        await received(caller_headers={"subject": "X-Tenant"}, pass_headers=("x_tenant",))
    with pytest.raises(ConfigurationError) as token:
        await received(secret="hush", credentials="token")

    assert passed.value.reason == token.value.reason == "caller-header"


def _with(claims: bytes) -> Identity:
    alice = person("alice")
    return Identity(
        issuer=alice.issuer,
        subject="alice",
        client_id="client",
        scopes=frozenset(),
        roles=frozenset(),
        expires_at=2e9,
        claims_json=claims,
    )
