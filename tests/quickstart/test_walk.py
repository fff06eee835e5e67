"""The whole way, as a reader goes it: the folder on disk, ``python main.py``, a sign-in, a call."""

import json
import os
import secrets
import shutil
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.conftest import ROOT
from tests.e2e.processes import free_port, started, wait_for
from tests.quickstart.asgardeo import INSPECTOR, SUBJECTS
from tests.quickstart.calling import call, result

pytestmark = pytest.mark.e2e


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The address of ``python main.py`` in a copy of the folder, and what Asgardeo's stand-in said."""
    folder = tmp_path / "mcp-auth-quickstart"
    shutil.copytree(
        ROOT / "quickstart", folder, ignore=shutil.ignore_patterns(".env", "__pycache__")
    )
    port = free_port()
    stand_in = [sys.executable, "-m", "tests.quickstart.asgardeo", "--agent", "agent-4711"]
    with started(stand_in, cwd=ROOT, longest=60) as asgardeo:
        assert asgardeo.stdout is not None
        printed = json.loads(asgardeo.stdout.readline())
        lines = {**printed["env"], "MCP_URL": f"http://localhost:{port}/mcp"}
        (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        # Of this process's environment nothing that the file is there to say.
        env = {name: value for name, value in os.environ.items() if name not in lines}
        with started([sys.executable, "main.py"], cwd=folder, longest=60, env=env) as server:
            wait_for(port, server, within=30)
            yield lines["MCP_URL"], printed


async def test_a_reader_signs_in_and_adds(running: tuple[str, dict[str, Any]]) -> None:
    url, printed = running
    origin = url.removesuffix("/mcp")
    async with httpx2.AsyncClient(base_url=origin, trust_env=False) as client:
        refused = await call(client, None, "add", a=2, b=3)
        assert refused.status_code == 401
        metadata = refused.headers["www-authenticate"].partition('resource_metadata="')[2]
        resource = (await client.get(metadata.partition('"')[0])).json()
        assert resource["resource"] == url
        token = await sign_in(client, resource["authorization_servers"][0], printed)

        assert result(await call(client, token, "add", a=2, b=3))["result"] == 5
        assert result(await call(client, token, "whoami")) == {
            "sub": SUBJECTS["jane"],
            "aut": "APPLICATION_USER",
            "act": {"sub": "agent-4711"},
        }


async def sign_in(client: httpx2.AsyncClient, issuer: str, printed: dict[str, Any]) -> str:
    """Do what a client with a registered id does: metadata, sign-in page, code, token."""
    parts = urlsplit(issuer)
    inserted = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path}"
    server = (await client.get(inserted)).json()
    assert server["issuer"] == issuer == printed["env"]["AUTH_ISSUER"]
    verifier = secrets.token_urlsafe(48)
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": printed["env"]["CLIENT_ID"],
        "redirect_uri": INSPECTOR,
        "scope": "openid",
        "state": "s",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    ((user, password),) = printed["users"].items()
    page = server["authorization_endpoint"]
    wrong = await client.post(page, params=asked, data={"username": user, "password": "x"})
    assert "Login failed" in wrong.text
    signed_in = await client.post(page, params=asked, data={"username": user, "password": password})
    answer = parse_qs(urlsplit(signed_in.headers["location"]).query)
    assert answer["state"] == ["s"]
    form = {
        "grant_type": "authorization_code",
        "code": answer["code"][0],
        "redirect_uri": INSPECTOR,
        "client_id": printed["env"]["CLIENT_ID"],
        "code_verifier": verifier,
    }
    token: str = (await client.post(server["token_endpoint"], data=form)).json()["access_token"]
    return token
