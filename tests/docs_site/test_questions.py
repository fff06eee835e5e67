"""What the answers name exists: commands, options, settings and codes; and the answers are true."""

import inspect
import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
from docs.making.reason_codes import page as reasons

from doorward import Guard
from doorward.authserver import AuthServerSettings, IdentityProvider
from doorward.authserver.settings.lifetimes import Lifetimes, Limits
from doorward.cli.verbs import VERBS
from doorward.doctor.findings.catalog import FINDINGS
from doorward.tokens import TrustedIssuer
from doorward.wire.oauth.redirect_uri import matches

TEXT = (Path(__file__).parents[2] / "docs" / "questions.md").read_text("utf-8")
CODE = re.findall(r"`([^`\n]+)`", TEXT)
COMMANDS = sorted({one for one in CODE if one.startswith("doorward ")})
GUARD = inspect.signature(Guard).parameters


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_in_an_answer_is_one_of_ours(command: str) -> None:
    words = shlex.split(command)[1:]

    assert any(words[: len(verb.name.split())] == verb.name.split() for verb in VERBS)


@pytest.mark.parametrize(
    "name",
    ["resource", "challenge_scopes", "allowed_hosts", "allowed_origins", "issuers", "api_keys"],
)
def test_a_setting_in_an_answer_is_one_of_the_guards(name: str) -> None:
    assert f"`{name}" in TEXT
    assert name in GUARD


def test_a_code_in_an_answer_is_a_reason_or_a_finding() -> None:
    known = {*FINDINGS, *re.findall(r"`([a-z0-9-]+)`", reasons())}
    named = {"stopped-before-process", "origin-refused", "wrong-audience", "session-refused"}

    assert named | {"consent-page-blocks-redirect"} <= known
    assert named <= set(CODE)


def test_the_figures_in_the_answers_are_the_defaults() -> None:
    lifetimes, limits = Lifetimes(), Limits()

    assert (lifetimes.refresh_idle, lifetimes.refresh_absolute) == (14 * 86400, 90 * 86400)
    assert (lifetimes.refresh_grace, lifetimes.access_token) == (30, 600)
    assert lifetimes.unused_client == 86400
    assert (limits.registrations_per_address, limits.registrations) == ("30/10 minutes", "500/hour")
    for told in ("14 days", "90 days", "30 seconds", "ten minutes", "30 in ten minutes", "500 in"):
        assert told in TEXT


def test_the_address_inside_is_a_setting_of_its_own() -> None:
    for one in (IdentityProvider, TrustedIssuer):
        assert {"issuer", "internal_url"} <= {field.name for field in fields(one)}
    assert "openid" in {field.name for field in fields(AuthServerSettings)}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_the_port_of_loopback_may_differ_and_nothing_else(host: str) -> None:
    assert matches(f"http://{host}:8765/callback", f"http://{host}:49152/callback")
    assert not matches(f"http://{host}:8765/callback", f"http://{host}:8765/other")
    assert not matches("https://app.example:8765/cb", "https://app.example:8766/cb")
