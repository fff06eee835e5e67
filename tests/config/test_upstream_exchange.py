"""The server behind ``doorward serve`` gets a token of its own for each caller, by token exchange."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from doorward.config import load
from doorward.config.service.running import RunningConfiguration, Service
from doorward.errors import ConfigurationError
from doorward.testing import TokenMint
from tests.config.served_configuration import ORIGIN, PONG, reason_of
from tests.downstream.issuer import Issuer, issuing
from tests.ledger import proves
from tests.net.tls_server import Place, ok, saying, serving

JSON = "Content-Type: application/json"
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """One issuer for all tests, which exchanges the tokens that it has issued."""
    with issuing() as one:
        yield one


def _server(name: str, port: int, issuer: Issuer, at: str | None = None) -> str:
    return f"""
[[mcp_servers]]
resource = "{ORIGIN}/{name}"
upstream = "http://127.0.0.1:{port}/inside"
issuer = "{issuer.issuer}"
jwks_uri = "{issuer.base}/keys"
[mcp_servers.policy]
unknown = "base"
[mcp_servers.upstream_credentials.exchange]
issuer = "{at or issuer.issuer}"
client_id = "doorward"
client_secret_file = "client-secret"
audience = "{name}-api"
"""


class _Served:
    """The service with two servers, and tokens for each of them."""

    def __init__(self, service: Service, behind: Place, issuer: Issuer) -> None:
        self.behind = behind
        self._service = service
        self._mints = {
            name: TokenMint(issuer=issuer.issuer, audience=f"{ORIGIN}/{name}")
            for name in ("mail", "files")
        }
        issuer.keys = {
            "keys": [key for mint in self._mints.values() for key in mint.jwks()["keys"]]
        }
        issuer.forms.clear()
        issuer.answer = self._exchange
        self.issuer = issuer

    @staticmethod
    def _exchange(form: dict[str, str]) -> tuple[int, Any]:
        """Answer as an issuer does: with the subject of the token that came."""
        of = form["subject_token"].rpartition(".")[2][-8:]
        token = f"exchanged-{form['audience']}-{of}"
        issued = "urn:ietf:params:oauth:token-type:access_token"
        return 200, {
            "access_token": token,
            "issued_token_type": issued,
            "token_type": "Bearer",
            "expires_in": 300,
        }

    def token(self, subject: str, name: str = "mail", **claims: Any) -> str:
        return self._mints[name].mint(subject, **claims)

    async def call(self, token: str, name: str = "mail") -> httpx2.Response:
        transport = httpx2.ASGITransport(app=self._service)
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2025-11-25",
        }
        async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
            return await client.post(f"{ORIGIN}/{name}", headers=headers, json=PING)

    def credentials(self) -> list[str]:
        """Return what the servers behind got in ``Authorization``."""
        lines = [line for one in self.behind.requests for line in one.split("\r\n")]
        return [line[15:] for line in lines if line.lower().startswith("authorization:")]


@asynccontextmanager
async def _serving(folder: Path, issuer: Issuer) -> AsyncIterator[_Served]:
    secret = folder / "client-secret"
    secret.write_text("of-these-tests-alone")
    secret.chmod(0o600)
    async with serving(saying(ok(PONG, JSON)), None) as behind:
        file = folder / "doorward.toml"
        tables = [_server(name, behind.port, issuer) for name in ("mail", "files")]
        file.write_text("\n".join(tables))
        running = RunningConfiguration(load(file))
        await running.start()
        service = Service(running)
        try:
            yield _Served(service, behind, issuer)
        finally:
            await service.aclose()


@proves("S155", "accepts", "provider tokens by user")
async def test_a_caller_has_one_token_at_the_server_until_it_expires(
    tmp_path: Path, issuer: Issuer
) -> None:
    async with _serving(tmp_path, issuer) as served:
        alice = served.token("alice")
        answers = [await served.call(alice) for _ in range(3)]

    assert [one.status_code for one in answers] == [200] * 3
    (form,) = issuer.forms
    assert (form["subject_token"], form["audience"]) == (alice, "mail-api")
    assert set(served.credentials()) == {f"Bearer exchanged-mail-api-{alice[-8:]}"}


@proves("S155", "refuses", "provider tokens by user")
async def test_no_token_reaches_another_user_or_another_server(
    tmp_path: Path, issuer: Issuer
) -> None:
    async with _serving(tmp_path, issuer) as served:
        alice, bob = served.token("alice"), served.token("bob")
        agent = served.token("alice", act={"sub": "agent"})
        files = served.token("alice", "files")
        for token in (alice, bob, agent, alice, bob, agent):
            await served.call(token)
        await served.call(files, "files")

    # An agent that acts for alice is another caller than alice herself.
    mail = [f"Bearer exchanged-mail-api-{one[-8:]}" for one in (alice, bob, agent)]
    assert served.credentials() == [*mail, *mail, f"Bearer exchanged-files-api-{files[-8:]}"]
    assert len(issuer.forms) == 4


@pytest.mark.parametrize(
    ("answer", "status", "reason", "said"),
    [
        ((400, {"error": "invalid_grant"}), 403, "downstream-grant-refused", "Sign in again"),
        ((400, {"error": "invalid_target"}), 403, "downstream-not-granted", "not allowed"),
        ((401, {"error": "invalid_client"}), 502, "downstream-server-not-known", "configured"),
        ((503, {}), 503, "downstream-unavailable", "Try again"),
    ],
)
async def test_a_failed_exchange_says_who_can_act_and_reaches_no_server(
    tmp_path: Path, issuer: Issuer, answer: Any, status: int, reason: str, said: str
) -> None:
    async with _serving(tmp_path, issuer) as served:
        issuer.answer = lambda form: answer
        got = await served.call(served.token("alice"))

    assert (got.status_code, reason_of(got)) == (status, reason)
    assert said in got.text
    assert served.behind.requests == []


def test_an_exchange_that_no_caller_can_have_is_refused_at_the_start(
    tmp_path: Path, issuer: Issuer
) -> None:
    (tmp_path / "client-secret").write_text("x")
    (tmp_path / "client-secret").chmod(0o600)
    file = tmp_path / "doorward.toml"
    file.write_text(_server("mail", 9000, issuer, at="https://elsewhere.example"))

    with pytest.raises(ConfigurationError) as refused:
        load(file)

    assert refused.value.reason == "exchange-without-callers"


def test_an_exchange_beside_another_credential_is_refused(tmp_path: Path, issuer: Issuer) -> None:
    (tmp_path / "client-secret").write_text("x")
    (tmp_path / "client-secret").chmod(0o600)
    file = tmp_path / "doorward.toml"
    table = "[mcp_servers.upstream_credentials.exchange]"
    both = f'[mcp_servers.upstream_credentials]\nprovider_token = "github"\n{table}'
    file.write_text(_server("mail", 9000, issuer).replace(table, both))

    with pytest.raises(ConfigurationError) as refused:
        load(file)

    assert refused.value.reason == "two-upstream-credentials"
