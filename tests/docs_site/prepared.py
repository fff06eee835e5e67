"""What the examples of the API reference find ready: imports, a guard, a server, an issuer, files."""

import asyncio
import importlib
import json
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import fastmcp
import httpx2
import keyring
import pytest
import uvicorn
from docs.making.public_names import Docstring, PublicName, every_name
from docs.making.reference_pages import page_of
from fastapi import Depends, FastAPI, Request, Response
from mcp.server.mcpserver import MCPServer
from pydantic import BaseModel

from doorward import Guard, Identity, McpServer, Policy, Rule
from doorward.client.http.url_policy import PinnedTransport
from doorward.downstream import TokenExchange
from doorward.jose.private_key import PrivateKey
from doorward.net import Fetcher
from doorward.testing import TokenMint
from doorward.testing.in_process.network import InProcessNetwork, Site
from doorward.tokens.api_keys.key_file import write_keys
from doorward.wire.asgi import ASGIApp
from tests.net.tls_server import authority

ISSUER = "https://login.example"
RESOURCE = "https://mcp.example/mcp"
ROOT = Path(__file__).parents[2]
SECRETS = (
    "CLIENT_SECRET",
    "GOOGLE_CLIENT_SECRET",
    "GITHUB_CLIENT_SECRET",
    "KEYCLOAK_CLIENT_SECRET",
)
# Imports that examples leave out, as the index of the reference says.
_IMPORTS: dict[str, Any] = {
    **{
        one.__name__: one
        for one in (asyncio, httpx2, json, keyring, os, pytest, sys, time, uvicorn)
    },
    **{one.__name__: one for one in (BaseModel, FastAPI, MCPServer, Path, Request, Response)},
    "Annotated": Annotated,
    "Any": Any,
    "Depends": Depends,
    "replace": replace,
    **{one.__name__: one for one in (AsyncIterator, Iterable, Iterator, Mapping)},
    "FastMCP": fastmcp.FastMCP,
}


def prepare(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the files that examples read into ``folder``, and let no request leave the process."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DOORWARD_HOME", str(folder / "home"))
    for secret in SECRETS:
        monkeypatch.setenv(secret, "a secret of the tests")
    shutil.copy(ROOT / "examples" / "doorward.toml", folder)
    _write_key_and_certificate(folder)
    write_keys(folder / "keys.json", [])
    network = InProcessNetwork((Site("https://mcp.example", _public_server(), lambda _path: True),))

    async def answer(_self: object, request: httpx2.Request) -> httpx2.Response:
        return await network.handle_async_request(request)

    for transport in (httpx2.AsyncHTTPTransport, PinnedTransport):
        monkeypatch.setattr(transport, "handle_async_request", answer)


def _write_key_and_certificate(folder: Path) -> None:
    authority(folder, "mcp-server")
    key, mark, certificate = (
        (folder / "server.pem").read_text("ascii").partition("-----BEGIN CERTIFICATE-----")
    )
    (folder / "key.pem").write_text(key, "ascii")
    (folder / "certificate.pem").write_text(mark + certificate, "ascii")


def _public_server() -> ASGIApp:
    server = McpServer("orders", version="1.0", allowed_hosts={"mcp.example"})

    @server.tool()
    async def add(a: int, b: int) -> int:
        """Add two whole numbers."""
        return a + b

    return server.in_front_of(FastAPI())


def names_for(docstring: Docstring) -> dict[str, Any]:
    """Return the global names that the examples of a docstring can use."""
    server = McpServer("orders", version="1.0")

    @server.tool(scopes={"mcp:read"})
    async def add(a: int, b: int) -> int:
        """Add two whole numbers."""
        return a + b

    mint = TokenMint(ISSUER, RESOURCE, key=_key())
    policy = Policy(base=Rule(scopes={"mcp:read"}), unknown="base")
    guard = Guard(resource=RESOURCE, issuer=ISSUER, policy=policy)
    user = Identity(
        issuer=ISSUER,
        subject="alice",
        client_id="test-client",
        scopes=frozenset({"mcp:read"}),
        roles=frozenset(),
        expires_at=time.time() + 600,
    )
    grant = TokenExchange(
        issuer=ISSUER, client_id="mcp-server", client_secret="one of the tests", audience="orders"
    )
    return {
        "__name__": f"example of {docstring.path}",
        **_IMPORTS,
        **_public_names(docstring),
        "app": guard.protect(server.in_front_of(FastAPI())),
        "fetcher": Fetcher(),
        "grant": grant,
        "guard": guard,
        "mint": mint,
        "server": server,
        "user": user,
        "web": FastAPI(),
    }


@cache
def _key() -> PrivateKey:
    return PrivateKey.generate("ES256")


def _public_names(docstring: Docstring) -> dict[str, Any]:
    used = docstring.mentioned()
    names = [one for one in every_name() if one.name in used]
    # Where two rooms have the same name, an example means the one of its own module or page.
    home = _home(docstring)
    if home is not None:
        page = page_of(home)
        names.sort(key=lambda one: (one.module in page.modules, one.module == home.module))
    return {one.name: getattr(importlib.import_module(one.module), one.name) for one in names}


def _home(docstring: Docstring) -> PublicName | None:
    """Return the public name that has this docstring, or any name of the module that has it."""
    for one in every_name():
        if docstring in one.docstrings or docstring.path == one.module:
            return one
    return None
