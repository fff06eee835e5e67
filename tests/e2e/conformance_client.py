"""The client that the conformance suite tests: ``python -m tests.e2e.conformance_client URL``.

Built on the public API of ``doorward.client`` alone. The suite says in the environment which
scenario it plays, which revision it speaks, and what it gave out beforehand.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from doorward.client import (
    ClientConfig,
    ClientCredentials,
    EnterpriseManaged,
    FileStore,
    McpClient,
    PrivateKey,
    TokenStore,
    WorkloadIdentity,
    open_connection,
)

DOCUMENT = "https://conformance-test.local/client-metadata.json"
SCENARIO = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
INITIALIZE = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", "") < "2026"
CONTEXT: dict[str, Any] = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")

Play = Callable[[McpClient], Awaitable[None]]


def walk(url: str) -> None:
    """Be a browser whose user says yes to everything: follow until the loopback listener."""
    httpx2.get(url, follow_redirects=True, trust_env=False, timeout=10)


async def consent(params: Mapping[str, Any]) -> dict[str, Any]:
    """Be a user who accepts a form as it is; what has no default is answered with yes."""
    fields = params.get("requestedSchema", {}).get("properties", {})
    yes = {name: True for name, field in fields.items() if field == {**field, "type": "boolean"}}
    return {
        "action": "accept",
        "content": {name: value for name, value in yes.items() if "default" not in fields[name]},
    }


async def list_only(client: McpClient) -> None:
    """List the tools."""
    await client.list_tools()


async def call_first(client: McpClient) -> None:
    """List the tools and call the first."""
    tools = await client.list_tools()
    if tools:
        await client.call_tool(tools[0].name, {"a": 2, "b": 3})


async def call_protected(client: McpClient) -> None:
    """List the tools of a protected server, then call one."""
    await client.list_tools()
    await client.call_tool("test-tool", {})


async def call_all(client: McpClient) -> None:
    """Call every tool that the server lists, one after the other."""
    for tool in await client.list_tools():
        await client.call_tool(tool.name, {})


async def call_planned(client: McpClient) -> None:
    """Make the calls that the suite planned, each of a tool that survived the listing."""
    listed = {tool.name for tool in await client.list_tools()}
    planned = CONTEXT.get("toolCalls") or [{"name": name, "arguments": {}} for name in listed]
    for call in planned:
        if call["name"] in listed:
            await client.call_tool(call["name"], call.get("arguments") or {})


async def use_everything(client: McpClient) -> None:
    """Send one request of every kind that carries routing headers."""
    tools = await client.list_tools()
    await client.call_tool(tools[0].name, {})
    resources = (await client.request("resources/list", {}))["resources"]
    await client.request("resources/read", {"uri": resources[0]["uri"]})
    prompts = (await client.request("prompts/list", {}))["prompts"]
    await client.request("prompts/get", {"name": prompts[0]["name"]})


async def echo_schema(client: McpClient) -> None:
    """Give the server its own schema back."""
    (focal,) = (t for t in await client.list_tools() if t.name == "json_schema_2020_12_tool")
    await client.call_tool("json_schema_echo", {"schema": dict(focal.input_schema)})


async def discover(client: McpClient) -> None:
    """Ask who the server is, then what it has."""
    await client.request("server/discover", {})
    await client.list_tools()


PLAYS: dict[str, Play] = {
    "initialize": list_only,
    "json-schema-ref-no-deref": list_only,
    "json-schema-2020-12-preservation": echo_schema,
    "request-metadata": discover,
    "http-standard-headers": use_everything,
    "http-custom-headers": call_planned,
    "http-invalid-tool-headers": call_planned,
    "sep-2322-client-request-state": call_all,
    "elicitation-sep1034-client-defaults": call_all,
    "sse-retry": call_all,
    "tools_call": call_first,
}


def choice(url: str) -> ClientConfig:
    """Return who this client is: the one that the suite registered, or one with a document."""
    grant = options().get("grant")
    if "client_id" not in CONTEXT:
        return ClientConfig(document=DOCUMENT, issuer=issuer_of(url) if grant else None)
    pem = CONTEXT.get("private_key_pem")
    return ClientConfig(
        client_id=CONTEXT["client_id"],
        issuer=issuer_of(url) if grant or pem or "client_secret" in CONTEXT else None,
        client_secret=CONTEXT.get("client_secret"),
        private_key=PrivateKey.from_pem(pem) if pem else None,
    )


def issuer_of(url: str) -> str:
    """Be the user who knows who gave out the client: the suite does not say, its server does."""
    parts = urlsplit(url)
    place = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-protected-resource"
    for address in (place + parts.path, place):
        answer = httpx2.get(address, trust_env=False, timeout=10)
        if answer.status_code == 200:
            return str(answer.json()["authorization_servers"][0])
    raise LookupError(url)


async def platform(audience: str) -> str:
    """Be the platform that says who runs here."""
    return str(CONTEXT["valid_jwt"])


async def signed_on() -> str:
    """Be the single sign-on that gave the ID token."""
    return str(CONTEXT["idp_id_token"])


def options() -> dict[str, Any]:
    """Return how to sign in: with a person, or by one of the grants that need none."""
    if SCENARIO.startswith("auth/client-credentials"):
        return {"grant": ClientCredentials()}
    if SCENARIO == "auth/wif-jwt-bearer":
        return {"grant": WorkloadIdentity(platform)}
    if SCENARIO == "auth/enterprise-managed-authorization":
        company = EnterpriseManaged(
            token_endpoint=CONTEXT["idp_token_endpoint"],
            client_id=CONTEXT["idp_client_id"],
            subject_token=signed_on,
        )
        return {"grant": company}
    return {"browser": walk, "timeout": 10.0}


async def main(url: str) -> None:
    """Play the scenario against the server at ``url``."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_connection(
            url,
            token_store=TokenStore(FileStore(Path(folder))),
            initialize=INITIALIZE,
            elicit=consent,
            client_config=choice(url),
            **options(),
        ) as connection:
            await PLAYS.get(SCENARIO, call_protected)(connection.client)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[-1]))
