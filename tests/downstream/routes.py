"""A guard with one next server, and callers of plain routes behind it."""

from typing import Any

import httpx2

from doorward import Guard, Policy
from doorward.downstream import TokenExchange
from doorward.testing import TokenMint
from doorward.tokens import LocalKeys, TrustedIssuer
from tests.downstream.issuer import Issuer

RESOURCE = "http://localhost:8000/mcp"
SECRET = "of-these-tests-alone"


def mint_of(issuer: Issuer) -> TokenMint:
    """Return what mints the tokens of ``issuer``."""
    return TokenMint(issuer=issuer.issuer, audience=RESOURCE)


def guard_of(issuer: Issuer, mint: TokenMint, **options: Any) -> Guard:
    """Return a guard with one next server, ``orders``."""
    orders = TokenExchange(
        issuer=issuer.issuer,
        client_id="mcp-server",
        client_secret=SECRET,
        audience="orders-api",
    )
    trusted = TrustedIssuer(issuer=mint.issuer, audience=RESOURCE, keys=LocalKeys(mint.jwks))
    given = {"policy": Policy(unknown="base"), "downstream": {"orders": orders}, **options}
    return Guard(resource=RESOURCE, issuers=[trusted], **given)


def caller_of(web: Any, token: str | None) -> httpx2.AsyncClient:
    """Return a client of ``web`` that sends ``token``."""
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    transport = httpx2.ASGITransport(app=web)
    return httpx2.AsyncClient(
        transport=transport, base_url="http://localhost:8000", headers=headers
    )
