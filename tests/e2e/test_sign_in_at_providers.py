"""Our client signs in at identity providers that others wrote, on their real pages."""

import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from doorward.client import (
    ClientConfig,
    DeviceCode,
    FileStore,
    InsufficientScope,
    TokenStore,
    open_connection,
)
from doorward.testing.html_forms import Form, Page
from tests.e2e.form_browser import BrowserStuck, FormBrowser
from tests.e2e.guarded import READ, guarded
from tests.e2e.peer_sources import source_of
from tests.e2e.processes import free_port, started, wait_for
from tests.keycloak.running import RunningKeycloak

pytestmark = pytest.mark.e2e
needs_node = pytest.mark.needs("node-clients")
needs_keycloak = pytest.mark.needs("keycloak")

NODE = Path(sys.executable).parent / "node"
CLIENTS = Path(__file__).parents[1] / "clients"


class Visitor(FormBrowser):
    """Signs in where a password is asked for, and says yes to whatever else is asked."""

    user_code = ""

    def _choose(self, page: Page, status: int) -> tuple[Form, str, dict[str, str]]:
        for form in page.forms:
            if secret := form.field_of_type("password"):
                name = form.field_of_type("text") or "username"
                return form, "sign-in", {**form.fields, name: self.username, secret: self._password}
            typed = {"user_code", "device_user_code"} & form.types.keys()
            if typed and "confirm" not in form.fields:
                return form, "code", {**form.fields, typed.pop(): self.user_code}
        if page.forms:
            return page.forms[0], "consent", page.forms[0].fields
        return super()._choose(page, status)


@asynccontextmanager
async def visitor(username: str = "somebody", password: str = "demo") -> AsyncIterator[Visitor]:
    """Somebody at a browser of their own."""
    somebody = Visitor(username, password)
    yield somebody
    somebody.close()


@dataclass(frozen=True)
class ProtectedServer:
    """A protected server, and the issuer of its tokens."""

    url: str
    issuer: str


@pytest.fixture(scope="module")
def at_oidc_provider() -> Iterator[ProtectedServer]:
    """A guarded server whose people sign in at node oidc-provider."""
    port = free_port()
    command = [str(NODE), "oidc_sign_in.mjs", f"http://localhost:{port}/mcp"]
    with started(command, cwd=CLIENTS, longest=110) as provider:
        assert provider.stdout is not None
        line = provider.stdout.readline()
        assert line, provider.said_wrong
        issuer = json.loads(line)["issuer"]
        with guarded(port, issuer=issuer) as url:
            yield ProtectedServer(url, issuer)
        # The command may be a wrapper: killing it would leave the server behind.
        assert provider.stdin is not None
        provider.stdin.close()


@pytest.fixture(scope="module")
def at_keycloak(running_keycloak: RunningKeycloak) -> Iterator[ProtectedServer]:
    """A guarded server whose people sign in at Keycloak."""
    port = free_port()
    running_keycloak.accept_audience(f"http://localhost:{port}/mcp")
    # Our client registers for all scopes, so it can request little at first, and step up.
    with guarded(
        port, idp="keycloak", issuer=running_keycloak.issuer, challenge_scopes={READ}
    ) as url:
        yield ProtectedServer(url, running_keycloak.issuer)


@pytest.fixture(scope="module")
def at_the_sdks_example() -> Iterator[ProtectedServer]:
    """The official SDK's example: a server, and the authorization server beside it."""
    code = source_of("mcp") / "examples" / "servers" / "simple-auth"
    issuer_port, server_port = free_port(), free_port()
    issuer, python = f"http://localhost:{issuer_port}", [sys.executable, "-m"]
    about_people = [*python, "mcp_simple_auth.auth_server", "--port", str(issuer_port)]
    about_tools = [*python, "mcp_simple_auth.server", "--port", str(server_port)]
    about_tools += ["--auth-server", issuer, "--oauth-strict"]
    with (
        started(about_people, cwd=code, longest=110) as people,
        started(about_tools, cwd=code, longest=110) as tools,
    ):
        wait_for(issuer_port, people)
        wait_for(server_port, tools)
        yield ProtectedServer(f"http://localhost:{server_port}/mcp", f"{issuer}/")


async def test_the_sdks_example_server_registers_and_signs_in(
    at_the_sdks_example: ProtectedServer, tmp_path: Path
) -> None:
    token_store = TokenStore(FileStore(tmp_path))
    async with (
        visitor("demo_user", "demo_password") as somebody,
        open_connection(
            at_the_sdks_example.url, token_store=token_store, browser=somebody.walk, timeout=30.0
        ) as connection,
    ):
        result = await connection.client.call_tool("get_time", {})
        tokens = token_store.tokens_for(at_the_sdks_example.url)

    assert result.structured["timezone"] == "UTC"
    assert tokens is not None
    assert tokens.issuer == at_the_sdks_example.issuer
    assert tokens.scopes == {"user"}


@needs_node
async def test_a_web_client_with_a_secret_signs_in_at_node_oidc_provider_and_renews(
    at_oidc_provider: ProtectedServer, tmp_path: Path
) -> None:
    port = free_port()
    async with httpx2.AsyncClient() as http:
        place = f"{at_oidc_provider.issuer}/.well-known/openid-configuration"
        endpoint = (await http.get(place)).json()["registration_endpoint"]
        wanted = {
            "redirect_uris": [f"http://127.0.0.1:{port}/callback"],
            "application_type": "native",
            "token_endpoint_auth_method": "client_secret_basic",
            "grant_types": ["authorization_code", "refresh_token"],
        }
        made = (await http.post(endpoint, json=wanted)).json()
    client_config = ClientConfig(
        client_id=made["client_id"],
        client_secret=made["client_secret"],
        issuer=at_oidc_provider.issuer,
    )
    token_store = TokenStore(FileStore(tmp_path))
    async with (
        visitor() as somebody,
        open_connection(
            at_oidc_provider.url,
            token_store=token_store,
            browser=somebody.walk,
            timeout=30.0,
            client_config=client_config,
            port=port,
        ) as connection,
    ):
        first = await connection.log_in()
        await connection.client.list_tools()
    assert first is not None
    # As a later command does: it knows the client from the token store alone.
    async with open_connection(
        at_oidc_provider.url, token_store=token_store, interactive=False
    ) as later:
        renewed = await later.sign_in.refresh(at_oidc_provider.url, first)
        await later.client.list_tools()

    assert renewed.access_token != first.access_token


@needs_node
async def test_node_oidc_provider_registers_signs_in_and_renews(
    at_oidc_provider: ProtectedServer, tmp_path: Path
) -> None:
    token_store = TokenStore(FileStore(tmp_path))
    async with (
        visitor() as somebody,
        open_connection(
            at_oidc_provider.url, token_store=token_store, browser=somebody.walk, timeout=30.0
        ) as connection,
    ):
        name = await connection.client.call_tool("who_am_i", {})
        added = await connection.client.call_tool("add", {"a": 2, "b": 3})
        first = token_store.tokens_for(at_oidc_provider.url)
        assert first is not None
        second = await connection.sign_in.refresh(at_oidc_provider.url, first)
        again = await connection.client.call_tool("add", {"a": 20, "b": 22})

    assert (name.text, added.text, again.text) == ("somebody", "5", "42")
    assert first.issuer == at_oidc_provider.issuer
    assert first.access_token != second.access_token
    assert first.refresh_token != second.refresh_token
    assert {page for walk in somebody.walks for page in walk.pages} == {"sign-in", "consent"}


@pytest.mark.parametrize(
    ("protected", "username", "password", "subject"),
    [
        pytest.param(
            "at_oidc_provider", "somebody", "demo", "somebody", marks=needs_node, id="oidc-provider"
        ),
        pytest.param(
            "at_keycloak",
            "mcp-user",
            "user123",
            # An id of Keycloak's own.
            "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            # Whoever is the first starts it.
            marks=[needs_keycloak, pytest.mark.timeout(300)],
            id="keycloak",
        ),
    ],
)
async def test_a_device_is_signed_in_from_another_one(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    protected: str,
    username: str,
    password: str,
    subject: str,
) -> None:
    url = request.getfixturevalue(protected).url
    async with visitor(username, password) as somebody:

        def on_another_device(code: DeviceCode) -> None:
            somebody.user_code = code.user_code
            # The last page there says that all is done, and has no way on.
            with pytest.raises(BrowserStuck, match="a page without a way on"):
                somebody.walk(code.verification_uri)

        async with open_connection(
            url, token_store=TokenStore(FileStore(tmp_path)), show=on_another_device, timeout=30.0
        ) as connection:
            name = await connection.client.call_tool("who_am_i", {})

    assert re.fullmatch(subject, name.text)


@needs_keycloak
async def test_keycloak_registers_signs_in_steps_up_and_renews(
    at_keycloak: ProtectedServer, tmp_path: Path
) -> None:
    token_store = TokenStore(FileStore(tmp_path))
    async with (
        visitor("mcp-user", "user123") as somebody,
        open_connection(
            at_keycloak.url, token_store=token_store, browser=somebody.walk, timeout=30.0
        ) as connection,
    ):
        name = await connection.client.call_tool("who_am_i", {})
        narrow = token_store.tokens_for(at_keycloak.url)
        added = await connection.client.call_tool("add", {"a": 2, "b": 3})
        first = token_store.tokens_for(at_keycloak.url)
        assert narrow is not None
        assert first is not None
        second = await connection.sign_in.refresh(at_keycloak.url, first)
        again = await connection.client.call_tool("add", {"a": 20, "b": 22})

    assert name.text
    assert (added.text, again.text) == ("5", "42")
    assert first.issuer == at_keycloak.issuer
    assert "mcp:tools" in first.scopes - narrow.scopes
    assert first.access_token != second.access_token


@needs_keycloak
async def test_somebody_whom_keycloak_gives_no_such_scope_is_told_and_not_asked_for_ever(
    at_keycloak: ProtectedServer, tmp_path: Path
) -> None:
    async with (
        visitor("mcp-readonly", "readonly123") as somebody,
        open_connection(
            at_keycloak.url,
            token_store=TokenStore(FileStore(tmp_path)),
            browser=somebody.walk,
            timeout=30.0,
        ) as connection,
    ):
        with pytest.raises(InsufficientScope) as refusal:
            await connection.client.call_tool("add", {"a": 2, "b": 3})
        walks = len(somebody.walks)
        with pytest.raises(InsufficientScope):
            await connection.client.call_tool("add", {"a": 2, "b": 3})

    assert refusal.value.scopes == {"mcp:read", "mcp:tools"}
    assert len(somebody.walks) == walks == 2


@needs_keycloak
def test_a_service_of_keycloak_calls_on_the_command_line_with_the_secret_of_a_file(
    at_keycloak: ProtectedServer, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("mcp-service-secret\n")
    secret.chmod(0o600)
    command = [str(Path(sys.executable).parent / "doorward"), "call", at_keycloak.url]
    service = ["--service", "--client-id", "mcp-service", "--client-secret-file", str(secret)]
    service += ["--issuer", at_keycloak.issuer]

    done = [
        subprocess.run(
            [*command, *words, *service],
            env={**os.environ, "DOORWARD_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        for words in (["who_am_i"], ["add", "a:=2", "b:=3"])
    ]

    assert [one.returncode for one in done] == [0, 0], done[0].stderr + done[1].stderr
    # Keycloak's name for a service is that of the account behind it.
    assert done[0].stdout.strip()
    assert done[1].stdout.strip() == "5"
