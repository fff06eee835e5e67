"""``identity.token_for`` gives a caller's own token, to the caller's own request alone."""

import asyncio
from typing import Any

import pytest

from doorward.authserver import Resource
from doorward.authserver.refusals import AccountNotConnected as LinkNeeded
from doorward.downstream import AccountNotConnected, DownstreamTokens
from doorward.downstream.middleware import use_caller_token
from doorward.downstream.refusals import GrantRefused, NoSubjectToken
from doorward.errors import ConfigurationError
from doorward.identity import Identity
from tests.authserver.browser import form_with
from tests.authserver.harness import ISSUER, RESOURCE, SCOPES, claims_of
from tests.authserver.provider_tokens.code_host import owner_of
from tests.authserver.provider_tokens.conftest import StartVault, Vault
from tests.ledger import proves

OTHER = "http://localhost:9000/other"


def identity(token: str, **changes: Any) -> Identity:
    """Return the caller of this token, as a guard reads it."""
    claims = claims_of(token)
    told: dict[str, Any] = {
        "issuer": claims["iss"],
        "subject": claims["sub"],
        "client_id": claims["client_id"],
        "scopes": frozenset(claims["scope"].split()),
        "roles": frozenset(),
        "expires_at": float(claims["exp"]),
        "token_id": claims["jti"],
    }
    return Identity(**{**told, **changes})


def downstream(vault: Vault, resource: str = RESOURCE) -> DownstreamTokens:
    """Return what a guard for ``resource`` in this process has."""
    return DownstreamTokens(
        vault.harness.server.provider_tokens(resource),
        own_audiences={resource},
        clock=vault.harness.clock,
    )


@proves("S209", "accepts", "token vault per user")
async def test_the_caller_of_the_request_gets_the_own_token(vault: Vault) -> None:
    token = await vault.connected()
    alice = identity(token)

    with use_caller_token(alice, token, downstream(vault)):
        assert owner_of(await alice.token_for("code")) == "octo"


@proves("S209", "refuses", "token vault per user")
@pytest.mark.parametrize(
    "changes", [{"kind": "key"}, {"issuer": "https://other.example"}], ids=["API key", "issuer"]
)
async def test_the_same_subject_of_another_issuer_or_with_an_api_key_gets_none(
    vault: Vault, changes: dict[str, Any]
) -> None:
    token = await vault.connected()
    same_subject = identity(token, **changes)

    with (
        use_caller_token(same_subject, token, downstream(vault)),
        pytest.raises(NoSubjectToken),
    ):
        await same_subject.token_for("code")


@proves("S209", "refuses", "token vault per user")
async def test_an_identity_that_was_kept_gets_nothing_in_the_request_of_another_user(
    vault: Vault,
) -> None:
    kept = identity(await vault.connected("alice"))
    await vault.harness.add_user("bob")
    token = await vault.caller("bob")
    bob, tokens = identity(token), downstream(vault)

    with use_caller_token(bob, token, tokens):
        with pytest.raises(NoSubjectToken):
            await kept.token_for("code")
        with pytest.raises(AccountNotConnected):
            await bob.token_for("code")
    with pytest.raises(ConfigurationError):
        await kept.token_for("code")


async def test_a_background_task_acts_for_its_own_user_and_not_after_the_access_has_ended(
    vault: Vault,
) -> None:
    token = await vault.connected()
    alice = identity(token)
    await vault.harness.add_user("bob")
    another = await vault.caller("bob")
    tokens, got, ended = downstream(vault), asyncio.Event(), asyncio.Event()

    async def in_the_background() -> tuple[str, type[Exception] | None]:
        before = await alice.token_for("code")
        got.set()
        await ended.wait()
        try:
            await alice.token_for("code")
        except GrantRefused as refused:
            return before, type(refused)
        return before, None

    with use_caller_token(alice, token, tokens):
        task = asyncio.create_task(in_the_background())
    with use_caller_token(identity(another), another, tokens):
        await got.wait()
        browser = await vault.signed_in()
        page = await browser.open(vault.harness.url("/account"))
        await browser.submit(form_with(page.text, "grant"))
        ended.set()
        before, after = await task

    assert owner_of(before) == "octo"
    assert after is GrantRefused


async def test_a_token_for_one_guard_gets_nothing_at_another_in_the_process(
    start_vault: StartVault,
) -> None:
    vault = await start_vault(
        resources=(Resource(uri=RESOURCE, scopes=SCOPES), Resource(uri=OTHER, scopes=SCOPES))
    )
    token = await vault.connected()
    alice = identity(token)

    with use_caller_token(alice, token, downstream(vault, OTHER)), pytest.raises(GrantRefused):
        await alice.token_for("code")


async def test_a_disconnected_account_is_gone_with_the_next_call(vault: Vault) -> None:
    token = await vault.connected()
    alice = identity(token)
    browser = await vault.signed_in()

    with use_caller_token(alice, token, downstream(vault)):
        await alice.token_for("code")
        page = await browser.open(vault.harness.url("/account"))
        await browser.submit(form_with(page.text, "connection"))
        with pytest.raises(AccountNotConnected) as missing:
            await alice.token_for("code")

    assert missing.value.url.startswith(f"{ISSUER}/connect?link=")


async def test_two_clients_of_one_user_share_the_account_and_two_users_do_not(
    vault: Vault,
) -> None:
    await vault.connected("alice")
    await vault.harness.add_user("bob")

    assert owner_of((await vault.ask(await vault.caller("alice"))).access_token) == "octo"
    with pytest.raises(LinkNeeded):
        await vault.ask(await vault.caller("bob"))
