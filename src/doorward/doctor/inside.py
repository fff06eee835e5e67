"""Examines a server of one's own: what it serves inside beside what arrives at its public address."""

import json
from pathlib import Path

from doorward.authserver import AuthServerSettings
from doorward.authserver.metadata import oauth_metadata
from doorward.config import load
from doorward.config.load import trusted_by
from doorward.doctor.evidence.inside import InsideView
from doorward.doctor.probe.budget import Budget
from doorward.doctor.probe.network import Network
from doorward.doctor.probe.plan import Plan
from doorward.doctor.probe.probe import Probe
from doorward.doctor.rules.judge import Diagnosis
from doorward.doctor.walk import examine
from doorward.errors import ConfigurationError
from doorward.guard import Guard


async def check(
    guard: Guard, authorization_server: AuthServerSettings | None = None
) -> tuple[Diagnosis, ...]:
    """
    Return what is wrong with ``guard`` as clients see it, from the name to the authorization request.

    Sends at most 100 requests in 60 seconds to the public address, and to the issuer. Compares the
    documents that arrive with those that the guard, and the authorization server of the same
    deployment, make. Finds sign-ins that stopped before this process. An empty tuple means that nothing was found.
    """
    probe = Probe(guard.resource, Network(), Budget(), Plan())
    try:
        inside = inside_of(guard, authorization_server)
        return (await examine(probe, guard.resource, inside=inside)).diagnoses
    finally:
        await probe.aclose()


def inside_of(guard: Guard, authorization_server: AuthServerSettings | None = None) -> InsideView:
    """Return what the guard and the authorization server make, and the attempts that they remember."""
    own = None if authorization_server is None else oauth_metadata(authorization_server)
    kept = guard.attempts
    return InsideView(
        resource_metadata=json.loads(guard.metadata()),
        issuer_metadata=own,
        attempts=() if kept is None else kept.all(),
        now=0.0 if kept is None else kept.now(),
    )


def inside_of_file(path: Path, url: str = "") -> tuple[str, InsideView]:
    """
    Return the public URL of the MCP server of a configuration file, and its documents.

    ``url`` chooses among several servers. Nothing is served, and no database is opened.

    Raises:
        ConfigurationError: as ``load`` does, and ``which-server``.
    """
    configuration = load(path)
    servers = {one.resource: one for one in configuration.mcp_servers}
    chosen = url or (next(iter(servers)) if len(servers) == 1 else "")
    if chosen not in servers:
        raise ConfigurationError(
            "which-server",
            f"{path} has {len(servers)} MCP servers, and {chosen or 'none'} is named.",
            f"Name one of them as the URL: {', '.join(servers) or 'there is none to examine'}.",
        )
    own = configuration.authorization_server
    server = servers[chosen]
    guard = server.guard(None if own is None else trusted_by(own, server), attempts=False)
    return chosen, inside_of(guard, own)
