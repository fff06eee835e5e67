"""Skills of a FastMCP server are named to whoever may read them."""

from typing import Any

import httpx2
import pytest
from fastmcp import FastMCP
from fastmcp.skills import Skill
from fastmcp.skills.provider import SkillCatalogProvider

from doorward.integrations.fastmcp import protect
from doorward.policy import Policy
from tests.integrations.fastmcp_shop import ADMIN, POLICY, READ, mounted
from tests.integrations.guarded_server import META, GuardedServer
from tests.ledger import proves

SKILLS = "io.modelcontextprotocol/skills"
DECLARED: dict[str, Any] = {
    "io.modelcontextprotocol/clientCapabilities": {"extensions": {SKILLS: {}}}
}


def server() -> FastMCP[Any]:
    """Return a server with a skill for everybody and one for administrators."""
    skills = [
        Skill(name=name, description=f"How to {name}.", instructions=f"# {name}")
        for name in ("look", "delete")
    ]
    return FastMCP("skills", providers=[SkillCatalogProvider(skills)])


async def ask(
    guarded_server: GuardedServer, http: httpx2.AsyncClient, method: str, **params: Any
) -> httpx2.Response:
    """Send a request of the extension, which has no Mcp-Name."""
    headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": method}
    meta = {**META, **DECLARED}
    return await guarded_server.send(http, method, headers=headers, **params, _meta=meta)


def policy(prefix: str) -> Policy:
    """Return a policy that closes one skill."""
    methods = {(method, "*"): READ for method in ("skills/list", "skills/get")}
    closed = {("resources/read", f"skill://{prefix}delete/SKILL.md"): ADMIN}
    return Policy(base=READ, rules={**POLICY.rules, **methods, **closed})


@proves("S185", "accepts", "every name of a tool")
@proves("S185", "refuses", "every name of a tool")
@pytest.mark.parametrize("is_mounted", [False, True], ids=["own", "mounted"])
async def test_the_skills_extension_returns_only_readable_skills(is_mounted: bool) -> None:
    prefix = "child/" if is_mounted else ""
    made = mounted(server()) if is_mounted else server()
    guarded_server = GuardedServer(policy(prefix))
    async with (
        guarded_server.serving(protect(made, guarded_server.guard)),
        guarded_server.http("alice") as alice,
        guarded_server.http("mia", "shop:admin") as mia,
    ):
        listed = [await ask(guarded_server, http, "skills/list") for http in (alice, mia)]
        uri = f"skill://{prefix}delete/SKILL.md"
        got = [await ask(guarded_server, http, "skills/get", uri=uri) for http in (alice, mia)]

    for answers in (listed, got):
        assert ["How to delete" in one.text for one in answers] == [False, True]
    assert all("How to look" in one.text for one in listed)
