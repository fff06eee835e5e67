"""The doctor at issuers that others wrote: healthy ones, and mistakes that people make with them."""

import json
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from doorward.doctor.evidence.signed_in import TokenContents
from doorward.doctor.findings.finding import Blame, Severity
from doorward.doctor.hops.calls.token_contents import read
from doorward.doctor.probe.budget import Budget
from doorward.doctor.probe.network import Network
from doorward.doctor.probe.plan import Plan
from doorward.doctor.probe.probe import Probe
from doorward.doctor.walk import Examination, examine
from tests.doctor.loopback import PRM, TOKEN, Answer, Asked, SetUp, Site, as_json, running
from tests.e2e.form_browser import FormBrowser
from tests.e2e.processes import free_port, started
from tests.e2e.real_providers import HydraPages
from tests.idp import running_hydra
from tests.idp.listening import Application, listening
from tests.idp.running_hydra import RunningHydra
from tests.keycloak.own_realm import PASSWORD
from tests.keycloak.running import PASSWORDS, RunningKeycloak
from tests.ledger import proves

pytestmark = pytest.mark.e2e

Accepts = Callable[[str], bool]
Found = list[tuple[str, Blame]]
CLIENT_ID = "doctors-client"
_NODE = Path(sys.executable).parent / "node"
_CLIENTS = Path(__file__).parents[1] / "clients"


@contextmanager
def server_of(
    issuer: str, accepts: Accepts = lambda _token: False, scope: str = "openid"
) -> Iterator[SetUp]:
    """Serve an MCP server that names ``issuer``, and takes the tokens that it ``accepts``."""
    with running(Site()) as server:
        made = SetUp(server, Site())
        made.challenge = f'Bearer resource_metadata="{server.origin}{PRM}/mcp", scope="{scope}"'
        made.resource.update(resource=made.url, authorization_servers=[issuer])

        def mcp(asked: Asked) -> Answer:
            if not asked.token:
                return made.refusal()
            if not accepts(asked.token):
                challenge = f'{made.challenge}, error="invalid_token"'
                return made.refusal(WWW_Authenticate=challenge)
            headers = {"Authorization": f"Bearer {TOKEN}"}
            return made.mcp(Asked(asked.method, asked.path, asked.query, headers, asked.body))

        for method in ("GET", "POST", "DELETE"):
            server.on(method, "/mcp", mcp)
        server.on("GET", f"{PRM}/mcp", lambda _asked: as_json(made.resource))
        yield made


def contents(token: str) -> TokenContents:
    """Return what ``token`` says; the server believes it, so that the doctor alone is tested."""
    return read(token, 0.0)


async def examined(url: str, browser: FormBrowser | None = None, **plan: Any) -> Examination:
    """Return what the doctor finds; ``browser`` signs in."""

    def visit(address: str) -> None:
        if browser is not None:
            threading.Thread(target=browser.walk, args=(address,), daemon=True).start()

    if browser is not None:
        plan = {"sign_in": "browser", "open_url": visit, "timeout": 60.0, **plan}
    probe = Probe(url, Network(), Budget(), Plan(**plan))
    try:
        return await examine(probe, url)
    finally:
        await probe.aclose()
        if browser is not None:
            browser.close()


def found(examination: Examination) -> Found:
    return [(one.finding.code, one.blame) for one in examination.diagnoses]


# ---- Keycloak


@pytest.mark.needs("keycloak")
@proves("S221", "accepts", "doctor findings")
async def test_keycloak_with_a_sign_in_gives_no_finding_and_keeps_no_client(
    running_keycloak: RunningKeycloak,
) -> None:
    before = running_keycloak.client_ids("mcp-realm")
    issuer = running_keycloak.issuer
    browser = FormBrowser("mcp-user", PASSWORDS["mcp-user"])
    with server_of(issuer, lambda token: contents(token).issuer == issuer, "mcp:read") as made:
        seen = await examined(made.url, browser)
    assert found(seen) == []
    assert seen.reached[-1] == "refresh"
    assert seen.left_behind == ()
    assert running_keycloak.client_ids("mcp-realm") == before


@pytest.mark.needs("keycloak")
@proves("S221", "refuses", "doctor findings")
async def test_a_server_that_wants_its_own_audience_of_keycloak_names_the_mapper(
    running_keycloak: RunningKeycloak,
) -> None:
    browser = FormBrowser("mcp-user", PASSWORDS["mcp-user"])
    issuer = running_keycloak.issuer
    with server_of(issuer, lambda token: made.url in contents(token).audience, "mcp:read") as made:
        seen = await examined(made.url, browser)
    assert found(seen) == [("token-wrong-audience", Blame.ISSUER)]
    assert "keycloak" in seen.evidence.parties


@pytest.mark.needs("keycloak")
@pytest.mark.parametrize(
    ("issuer", "code", "blame"),
    [
        ("{url}", "issuer-metadata-missing", Blame.UNSURE),
        ("{url}/realms/mcp-realm/", "issuer-spelled-differently", Blame.SERVER),
        ("{url}/realms/of-nobody", "issuer-metadata-missing", Blame.UNSURE),
        (
            "{url}/realms/mcp-realm/.well-known/openid-configuration",
            "issuer-names-document",
            Blame.SERVER,
        ),
    ],
    ids=["no-realm", "slash", "wrong-realm", "document"],
)
async def test_a_server_that_names_keycloak_wrongly_is_told_so(
    running_keycloak: RunningKeycloak, issuer: str, code: str, blame: Blame
) -> None:
    with server_of(issuer.format(url=running_keycloak.url)) as made:
        assert found(await examined(made.url)) == [(code, blame)]


@pytest.mark.needs("keycloak")
async def test_a_realm_that_registers_trusted_hosts_alone_is_closed(
    running_keycloak: RunningKeycloak,
) -> None:
    with server_of(f"{running_keycloak.url}/realms/master") as made:
        assert found(await examined(made.url)) == [("registration-closed", Blame.ISSUER)]


# ---- Node oidc-provider


@contextmanager
def oidc_provider(*arguments: str, script: str = "oidc_provider.mjs") -> Iterator[str]:
    """Give the issuer of a node oidc-provider."""
    with started([str(_NODE), script, *arguments], cwd=_CLIENTS, longest=120) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.said_wrong
        yield json.loads(line)["issuer"]
        # The command may be a wrapper: killing it would leave the server behind, with our pipe.
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.needs("node-clients")
@proves("S221", "accepts", "doctor findings")
@pytest.mark.parametrize("path", ["", "/tenant/one"], ids=["root", "path"])
async def test_node_oidc_provider_gives_no_finding(path: str) -> None:
    with oidc_provider(path) as issuer, server_of(issuer) as made:
        assert found(await examined(made.url)) == []


@pytest.mark.needs("node-clients")
@proves("S221", "accepts", "doctor findings")
async def test_a_sign_in_at_node_oidc_provider_gives_no_finding() -> None:
    def accepts(token: str) -> bool:
        return made.url in contents(token).audience

    with (
        server_of("", accepts, "mcp:read offline_access") as made,
        oidc_provider(made.url, script="oidc_sign_in.mjs") as issuer,
    ):
        made.resource["authorization_servers"] = [issuer]
        seen = await examined(made.url, FormBrowser("una", PASSWORD))
    # It takes each refresh token once, as it was told to: a hint, and nothing that is broken.
    assert found(seen) == [("refresh-race", Blame.ISSUER)]
    assert {one.severity for one in seen.diagnoses} == {Severity.NOTE}
    assert seen.reached[-1] == "refresh"


@pytest.mark.needs("node-clients")
@proves("S221", "refuses", "doctor findings")
async def test_node_oidc_provider_with_an_initial_access_token_is_closed() -> None:
    with oidc_provider("", "token") as issuer, server_of(issuer) as made:
        seen = await examined(made.url, FormBrowser("una", PASSWORD))
    assert found(seen) == [("registration-closed", Blame.ISSUER)]


@pytest.mark.needs("node-clients")
@proves("S221", "refuses", "doctor findings")
async def test_node_oidc_provider_that_knows_no_resource_refuses_it() -> None:
    with oidc_provider() as issuer, server_of(issuer) as made:
        seen = await examined(made.url, FormBrowser("una", PASSWORD))
    assert found(seen) == [("resource-refused", Blame.ISSUER)]
    assert seen.left_behind == ()


@pytest.mark.needs("node-clients")
@proves("S221", "refuses", "doctor findings")
async def test_a_slash_behind_node_oidc_provider_is_the_servers() -> None:
    with oidc_provider() as issuer, server_of(f"{issuer}/") as made:
        assert found(await examined(made.url)) == [("issuer-spelled-differently", Blame.SERVER)]


# ---- Ory Hydra


@pytest.fixture(scope="module")
def hydra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHydra]:
    """Run Hydra with registration, and the pages of its operator."""
    shown = HydraPages()

    @asynccontextmanager
    async def build(_base: str) -> AsyncIterator[Application]:
        yield shown.app()

    folder = tmp_path_factory.mktemp("hydra")
    with (
        listening(build, free_port()) as pages,
        # Without it, the later of two refreshes at once is refused or not, as they happen to meet.
        running_hydra.running(folder, registration=True, pages=pages, refresh_grace="60s") as made,
    ):
        shown.admin = made.admin
        # It makes its keys at the first request for them, which can take longer than clients wait.
        httpx2.get(f"{made.issuer}/.well-known/jwks.json", timeout=120, trust_env=False)
        yield made


@pytest.mark.needs("hydra")
@pytest.mark.timeout(1700)
@proves("S221", "accepts", "doctor findings")
async def test_a_sign_in_at_hydra_gives_no_finding_and_keeps_no_client(hydra: RunningHydra) -> None:
    before = hydra.client_ids()

    def accepts(token: str) -> bool:
        return contents(token).issuer == hydra.issuer

    with server_of(hydra.issuer, accepts, "openid offline_access") as made:
        seen = await examined(made.url, FormBrowser("una", PASSWORD))
    assert found(seen) == []
    assert seen.left_behind == ()
    assert hydra.client_ids() == before


@pytest.mark.needs("hydra")
@pytest.mark.timeout(1700)
@proves("S221", "refuses", "doctor findings")
async def test_hydra_does_not_act_on_the_resource(hydra: RunningHydra) -> None:
    with server_of(
        hydra.issuer, lambda token: made.url in contents(token).audience, "openid offline_access"
    ) as made:
        seen = await examined(made.url, FormBrowser("una", PASSWORD))
    assert found(seen) == [("token-wrong-audience", Blame.ISSUER)]


@pytest.mark.needs("hydra")
@pytest.mark.timeout(1700)
async def test_a_scope_that_hydra_does_not_know_is_refused(hydra: RunningHydra) -> None:
    with server_of(hydra.issuer, scope="mcp:read") as made:
        seen = await examined(made.url, FormBrowser("una", PASSWORD))
    assert found(seen) == [("scope-refused", Blame.SERVER)]


# ---- The example server of the official TypeScript SDK


@contextmanager
def typescript_server(*options: str) -> Iterator[str]:
    """Run the SDK's example server, with its own authorization server, at the URL that it is given."""
    port, auth = free_port(), free_port()
    script = _CLIENTS / "node_modules/@modelcontextprotocol/sdk/dist/esm/examples/server"
    command = [str(_NODE), str(script / "simpleStreamableHttp.js"), *options]
    env = {"MCP_PORT": str(port), "MCP_AUTH_PORT": str(auth)}
    with started(command, cwd=_CLIENTS, longest=120, env=env) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if f"port {port}" in line:
                break
        yield f"http://localhost:{port}/mcp"


@pytest.mark.needs("node-clients")
@proves("S221", "accepts", "doctor findings")
@pytest.mark.parametrize(
    ("options", "code"), [((), ""), (("--oauth",), "bad-token-status")], ids=["open", "sign-in"]
)
async def test_the_typescript_sdks_example_gives_no_false_finding(
    options: tuple[str, ...], code: str
) -> None:
    with typescript_server(*options) as url:
        assert [one for one, _ in found(await examined(url))] == ([code] if code else [])


@pytest.mark.needs("node-clients")
@proves("S221", "refuses", "doctor findings")
async def test_the_typescript_sdks_example_fails_at_unknown_tokens_and_gives_no_refresh_token() -> (
    None
):
    # Its verifier throws an error that is none of the SDK's own, so the answer is 500.
    with typescript_server("--oauth") as url:
        seen = await examined(url, FormBrowser("una", PASSWORD))
        mistyped = await examined(url.removesuffix("/mcp") + "/")
    assert found(seen) == [("bad-token-status", Blame.SERVER), ("no-refresh-token", Blame.ISSUER)]
    assert seen.reached[-1] == "calls"
    assert found(mistyped) == [("wrong-path", Blame.CONFIGURATION)]
