"""The table of settings has every setting of the objects that it builds, and nothing else."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from doorward.authserver import (
    Allow,
    AuthServerSettings,
    ConfiguredClient,
    ExchangePolicy,
    IdentityProvider,
    Lifetimes,
    Limits,
    Resource,
)
from doorward.config.operations import AuditSettings, LogSettings, OperationsSettings
from doorward.config.reading import fields
from doorward.config.reading.tables import Table, walk
from doorward.downstream import TokenExchange
from doorward.gateway import Gateway
from doorward.gateway.stdio import StdioCommand, StdioLimits
from doorward.guard import Guard
from doorward.policy import Policy, Rule
from doorward.tokens import Introspection, OpaqueIssuer, TrustedIssuer

# What a file says in another way, and what only Python can say.
AUTHORIZATION_SERVER = {
    "secret": "secret_env, or secret_file",
    "trust_client": "trusted_clients",
    "identity_providers": "[[identity_providers]]",
    "public_health": "operations.public, which is also for a file without this table",
}
GUARD = {
    "attempts": "operations.story",
    "verifier": "an object",
    "audit": "an object",
    "clock": "an object",
    "downstream": "for tools in this process, which call the next server",
    "app_path": "the path in upstream",
    "companion": "an object",
    "rate_counters": "the database of [authorization_server]",
    "open_paths": "nothing but the endpoint is forwarded",
    "serve_other_paths": "nothing but the endpoint is forwarded",
}
ISSUER = {
    "keys": "an object",
    "profile": "idp",
    "revocations": "an object",
    "lookup": "introspection, or idp",
}
GATEWAY = {
    "public": "resource",
    "routes": "upstream",
    "lists": "policy",
    "identity": "caller_headers, caller_assertion, upstream_credentials",
    "audit": "an object",
    "credentials": "forward_token",
}


def _arguments(made: Callable[..., Any]) -> set[str]:
    if dataclasses.is_dataclass(made):
        return {one.name for one in dataclasses.fields(made) if one.init}
    return set(inspect.signature(made).parameters) - {"self"}


def _settings(table: Table) -> set[str]:
    return {one.name for one in table.settings}


@pytest.mark.parametrize(
    ("table", "made"),
    [
        (fields.LIFETIMES, Lifetimes),
        (fields.LIMITS, Limits),
        (fields.RESOURCE, Resource),
        (fields.CLIENT, ConfiguredClient),
        (fields.EXCHANGE, ExchangePolicy),
        (fields.TOKEN_EXCHANGE, TokenExchange),
        (fields.IDENTITY_PROVIDER, IdentityProvider),
        (fields.RULE, Rule),
        (fields.INTROSPECTION, Introspection),
        (fields.OPERATIONS, OperationsSettings),
        (fields.LOG, LogSettings),
        (fields.AUDIT, AuditSettings),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_table_has_the_settings_of_the_class_that_it_builds(
    table: Table, made: Callable[..., Any]
) -> None:
    # A pasted key is in upstream_credentials of the MCP server.
    assert _settings(table) == _arguments(made) - {"pasted_key"}


def test_every_option_of_an_allow_rule_is_a_setting() -> None:
    assert _settings(fields.ALLOW) == _arguments(Allow) - {"check"}


def test_every_option_of_the_authorization_server_is_a_setting() -> None:
    told = _arguments(AuthServerSettings) - set(AUTHORIZATION_SERVER)

    assert _settings(fields.AUTHORIZATION_SERVER) == told | {"secret_env", "trusted_clients"}


def test_every_option_of_a_guard_is_a_setting() -> None:
    told = _arguments(Guard) - set(GUARD)
    issuer = (_arguments(TrustedIssuer) | _arguments(OpaqueIssuer)) - set(ISSUER)
    gateway = _arguments(Gateway) - set(GATEWAY)
    # The authorization server's side of this server.
    own = {"upstream", "scopes", "default_scopes", "forward_token", "command", "process"}
    own.add("tool_pins")
    own |= {"caller_headers", "caller_assertion", "upstream_credentials"}

    assert _settings(fields.MCP_SERVER) == told | issuer | gateway | own


def test_every_option_of_a_stdio_server_is_a_setting() -> None:
    process = _arguments(StdioCommand) | _arguments(StdioLimits)

    assert _settings(fields.PROCESS) == process - {"command", "limits"} | {"secret_environment"}


def test_every_option_of_a_policy_is_a_setting() -> None:
    by_table = {"tools", "prompts", "resources"}

    assert _settings(fields.POLICY) == _arguments(Policy) | by_table


def test_every_setting_has_a_one_sentence_description() -> None:
    for path, setting in walk(fields.FILE):
        assert setting.help.endswith("."), path
        assert setting.help[0].isupper() or setting.help[0] == '"', path
        assert len(setting.help.split()) <= 20, path
