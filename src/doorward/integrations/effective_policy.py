"""Finds the policy that decides at a given server, application or guard."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from doorward.errors import ConfigurationError
from doorward.guard.guard import Guard
from doorward.integrations.declared_rules import DeclaredPolicy
from doorward.policy import Policy
from doorward.policy.matrix import matrix_of, policy_of

if TYPE_CHECKING:
    from doorward.tokens import TokenVerifier


class EffectivePolicy(NamedTuple):
    """The policy, which knows its operations, and the verifier of its guard, if there is one."""

    policy: Policy
    verifier: "TokenVerifier | None"


def effective_policy_of(source: object) -> EffectivePolicy:
    """
    Return what decides at ``source``, with what the server behind it offers.

    ``source`` is a guard, what ``protect`` returned, a FastMCP server or application with
    ``GuardAuth``, a policy, or an ``McpServer``. What a FastMCP server offers is read from it.

    Raises:
        ConfigurationError: with reason ``no-policy``, ``no-operations``, ``unseen-server`` or
            ``several-servers``, and what the server's own start would be refused for.
    """
    policies, verifier = _policies(source)
    for policy in policies:
        if isinstance(policy, DeclaredPolicy):
            # In a thread: a test that calls this may have a running event loop.
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, policy.declarations.read()).result()
    first, *others = [matrix_of(policy) for policy in policies]
    # protect() may have been called several times for one server.
    if any(other != first for other in others):
        raise ConfigurationError(
            "several-servers",
            f"This guard stands in front of {len(policies)} applications with different rules.",
            "Name one of them, such as module:app.",
        )
    if not first.rows:
        # "Nobody may do more" would be true of this whatever the server offers.
        raise ConfigurationError(
            "no-operations",
            f"This {type(source).__name__} knows no tool, prompt or resource.",
            "Name the server or what protect() returned, such as module:app, or give the guard "
            "Policy(rules=server.rules).",
        )
    return EffectivePolicy(policies[0], verifier)


def _policies(source: object) -> "tuple[Sequence[Policy], TokenVerifier | None]":
    if isinstance(source, Guard):
        return _behind(source), source.verifier
    # FastMCP leaves its server in the state of its application. Duck-typed: without FastMCP there
    # is nothing to import.
    server = getattr(getattr(source, "state", None), "fastmcp_server", source)
    auth = getattr(server, "auth", None)
    guard = getattr(auth, "guard", None)
    if auth is not None and isinstance(guard, Guard):
        return [auth.policy_of(server)], guard.verifier
    return [policy_of(source)], getattr(source, "verifier", None)


def _behind(guard: Guard) -> Sequence[Policy]:
    if guard.awaits_server and not guard.adapted:
        raise ConfigurationError(
            "unseen-server",
            "This guard has not seen the FastMCP server that it is the auth provider of.",
            "Name that server or its application, such as module:mcp or module:app.",
        )
    return guard.adapted or [guard.policy]
