"""Which token a tool gets, when it is refreshed, and when it is void."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from doorward.authserver import Resource
from doorward.authserver.provider_tokens.lookup import Asked
from doorward.authserver.refusals import (
    AccountNotConnected,
    InvalidScope,
    InvalidTarget,
    SubjectTokenRefused,
)
from doorward.authserver.settings.admission import Allow
from doorward.authserver.settings.identity_provider import IdentityProvider
from doorward.authserver.upstream.refusals import ProviderGrantEnded, ProviderUnavailable
from doorward.idp import find
from doorward.idp.sign_in import OPENID_SIGN_IN
from doorward.net import FetchFailed, FetchResponse
from tests.authserver.browser import answer_in
from tests.authserver.harness import RESOURCE, SCOPES
from tests.authserver.provider_tokens.code_host import owner_of
from tests.authserver.provider_tokens.conftest import HOUR, StartVault, Vault, code_host
from tests.authserver.upstream.conftest import Bridge, identity_provider
from tests.authserver.upstream.openid_provider import answered
from tests.ledger import proves

SECRET = "Zq3-pWm8sK41-ddLxv0-ynB62-tRc95-oo7"


@proves("S209", "refuses", "token vault per user")
async def test_a_user_who_connected_nothing_does_not_get_the_token_of_one_who_did(
    vault: Vault,
) -> None:
    await vault.connected("alice")
    await vault.harness.add_user("bob")

    link = await vault.link(await vault.caller("bob"))

    assert link.startswith(vault.harness.url("/connect?link="))


@proves("S209", "accepts", "token vault per user")
@pytest.mark.parametrize("seed", range(3))
async def test_every_token_belongs_to_its_caller_however_the_calls_interleave(
    vault: Vault, clock: Any, seed: int
) -> None:
    import random

    rng = random.Random(seed)
    await vault.harness.add_user("bob")
    callers: list[tuple[str, str]] = []
    for user, subject in (("alice", "octo"), ("bob", "hexa")):
        callers += [(await vault.connected(user, subject), subject)]
        callers += [(await vault.caller(user), subject)]
    for _ in range(4):
        # Some rounds refresh first, all at once.
        clock.advance(rng.choice([1, 100]))
        if rng.random() < 0.7:
            async with vault.harness.server.services.store.engine.begin() as connection:
                await connection.execute(
                    text("UPDATE provider_connections SET check_due_at = :now"), {"now": clock()}
                )
        calls = [rng.choice(callers) for _ in range(12)]
        got = await asyncio.gather(*(vault.ask(caller) for caller, _ in calls))
        assert [owner_of(one.access_token) for one in got] == [owner for _, owner in calls]


async def test_a_token_that_is_over_is_refreshed_once_for_two_processes(
    start_vault: StartVault, clock: Any, database_url: str
) -> None:
    one = await start_vault(database_url=database_url, secret=SECRET)
    caller = await one.connected()
    other = await start_vault(database_url=database_url, secret=SECRET, share=one)
    # The access token of the caller lives for ten minutes, so the provider's must end earlier.
    one.code.response["expires_in"] = 60
    before = await one.ask(caller)
    await _make_due(one, clock)

    got = await asyncio.gather(*(where.ask(caller) for where in (one, other) * 10))

    assert {tokens.access_token for tokens in got} != {before.access_token}
    assert len({tokens.access_token for tokens in got}) == 1
    assert one.code.refreshes == 1


async def test_a_token_is_refreshed_before_it_is_over(vault: Vault, clock: Any) -> None:
    vault.code.response["expires_in"] = 120
    caller = await vault.connected()
    clock.advance(95)

    again = await vault.ask(caller)

    assert vault.code.refreshes == 1
    assert again.expires_at == clock() + 120


async def test_a_token_that_lives_for_seconds_is_not_refreshed_for_ever(
    vault: Vault,
) -> None:
    vault.code.response["expires_in"] = 5
    caller = await vault.connected()

    await vault.ask(caller)

    assert vault.code.refreshes == 0


@pytest.mark.parametrize(
    "broken",
    [
        answered({"error": "server_error"}, 500),
        answered({"error": "temporarily_unavailable"}, 400),
        answered({"error": "invalid_client"}, 401),
        FetchResponse(200, {"content-type": "text/html"}, b"<html>", None),
        FetchFailed("unreachable"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_fault_of_the_provider_is_503_and_costs_nobody_the_connection(
    vault: Vault, clock: Any, broken: FetchResponse | Exception
) -> None:
    caller = await vault.connected()
    await _make_due(vault, clock)
    vault.code.broken = broken

    with pytest.raises(ProviderUnavailable) as refused:
        await vault.ask(caller)
    after = await vault.ask(caller)

    assert refused.value.status == 503
    assert refused.value.retry_after > 0
    assert owner_of(after.access_token) == "octo"


async def test_a_refresh_token_that_the_provider_ended_leads_to_a_new_link(
    vault: Vault, clock: Any
) -> None:
    caller = await vault.connected()
    vault.code.ended.add("octo")
    await _make_due(vault, clock)

    link = await vault.link(caller)
    vault.code.ended.clear()
    await vault.connect(await vault.signed_in(), link)

    assert owner_of((await vault.ask(caller)).access_token) == "octo"
    assert "connection.ended" in vault.harness.kinds()


async def test_a_token_without_refresh_that_the_provider_ended_leads_to_a_new_link(
    vault: Vault, clock: Any
) -> None:
    vault.code.response |= {"refresh_token": None, "expires_in": None}
    caller = await vault.connected()
    assert owner_of((await vault.ask(caller)).access_token) == "octo"
    vault.code.ended.add("octo")
    await _make_due(vault, clock)

    assert await vault.link(caller)
    assert await vault.count("provider_connections") == 0


async def test_an_account_that_a_rule_no_longer_admits_is_disconnected(
    start_vault: StartVault, clock: Any
) -> None:
    vault = await start_vault(code_host(allow=Allow(groups={"staff"})))
    caller = await vault.caller()
    browser, link = await vault.signed_in(), await vault.link(caller)
    redirect = await vault.to_provider(browser, link)
    vault.code.user = {"sub": "octo", "groups": ["staff"]}
    await browser.open(vault.code.callback(redirect.headers["location"]))
    assert owner_of((await vault.ask(caller)).access_token) == "octo"
    vault.code.user = {"sub": "octo", "groups": []}
    await _make_due(vault, clock)

    assert await vault.link(caller)


@pytest.mark.parametrize(
    "changes",
    [{"client_id": "another"}, {"issuer": "https://another.example"}, {"name": "renamed"}],
)
async def test_a_changed_setting_voids_what_was_connected_before(
    start_vault: StartVault, database_url: str, changes: dict[str, Any]
) -> None:
    vault = await start_vault(database_url=database_url, secret=SECRET)
    caller = await vault.connected()

    changed = await start_vault(
        code_host(**changes), database_url=database_url, secret=SECRET, share=vault
    )
    name = changes.get("name", "code")

    with pytest.raises(AccountNotConnected):
        await changed.ask(caller, name)
    assert owner_of((await vault.ask(caller)).access_token) == "octo"


async def test_another_server_asks_the_user_again(start_vault: StartVault) -> None:
    other = "http://localhost:9000/other"
    vault = await start_vault(
        resources=(Resource(uri=RESOURCE, scopes=SCOPES), Resource(uri=other, scopes=SCOPES))
    )
    await vault.connected()
    client = (await vault.harness.register())["client_id"]
    code = await vault.harness.code(client, resource=other)
    tokens = await vault.harness.token(vault.harness.code_fields(client, code, resource=other))

    with pytest.raises(AccountNotConnected):
        await vault.ask(tokens.access, resource=other)


async def test_everything_from_before_the_cut_off_is_void(
    start_vault: StartVault, clock: Any, database_url: str
) -> None:
    vault = await start_vault(database_url=database_url, secret=SECRET)
    await vault.connected()
    clock.advance(10)

    later = await start_vault(
        database_url=database_url, secret=SECRET, share=vault, revoke_before=clock()
    )

    with pytest.raises(AccountNotConnected):
        await later.ask(await later.caller())


@proves("S209", "refuses", "token vault per user")
async def test_a_token_for_another_server_or_of_nobody_gets_nothing(vault: Vault) -> None:
    caller = await vault.connected()

    with pytest.raises(SubjectTokenRefused):
        await vault.ask(caller, resource="http://localhost:9000/other")
    with pytest.raises(SubjectTokenRefused):
        await vault.ask(caller[:-4] + "AAAA")
    with pytest.raises(SubjectTokenRefused):
        await vault.ask("nothing")


async def test_a_revoked_grant_and_a_disabled_user_get_nothing(vault: Vault, clock: Any) -> None:
    caller = await vault.connected()
    await vault.harness.server.users.disable("alice")

    with pytest.raises(SubjectTokenRefused):
        await vault.ask(caller)


async def test_a_token_that_is_over_gets_nothing(vault: Vault, clock: Any) -> None:
    caller = await vault.connected()
    clock.advance(601)

    with pytest.raises(SubjectTokenRefused):
        await vault.ask(caller)


async def test_a_provider_that_is_unknown_or_disabled_is_no_target(
    start_vault: StartVault, vault: Vault
) -> None:
    with pytest.raises(InvalidTarget):
        await vault.ask(await vault.caller(), "elsewhere")
    disabled = await start_vault(code_host(disabled=True))
    with pytest.raises(InvalidTarget):
        await disabled.ask(await disabled.caller())


async def test_a_scope_that_was_not_granted_leads_to_a_link_and_an_unknown_one_to_an_error(
    vault: Vault,
) -> None:
    vault.code.response["scope"] = "openid"
    caller = await vault.connected()

    assert (await vault.ask(caller, scopes=frozenset({"openid"}))).access_token
    assert await vault.link(caller, scopes=frozenset({"repo:read"}))
    with pytest.raises(InvalidScope):
        await vault.ask(caller, scopes=frozenset({"admin"}))


@pytest.mark.parametrize(
    ("kind", "answer", "wanted", "other"),
    [
        ("google", "openid https://www.googleapis.com/auth/userinfo.email", "email", "profile"),
        ("github", "repo,user", "user:email", "read:org"),
        ("github", "repo,write:org", "read:org", "user:email"),
    ],
)
async def test_a_scope_that_the_provider_calls_otherwise_is_granted(
    vault: Vault,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    answer: str,
    wanted: str,
    other: str,
) -> None:
    facts = find(kind).sign_in
    assert facts is not None
    requested = replace(OPENID_SIGN_IN, scopes=("openid", wanted, other))
    known = replace(requested, implied_scopes=facts.implied_scopes)
    monkeypatch.setattr(IdentityProvider, "sign_in", property(lambda _: requested))
    vault.code.response["scope"] = answer
    caller = await vault.connected()

    assert await vault.link(caller, scopes=frozenset({wanted}))
    monkeypatch.setattr(IdentityProvider, "sign_in", property(lambda _: known))
    assert (await vault.ask(caller, scopes=frozenset({wanted}))).access_token
    assert await vault.link(caller, scopes=frozenset({other}))


async def test_the_tokens_are_sealed_and_a_rotation_of_the_keys_keeps_them(
    vault: Vault, clock: Any
) -> None:
    caller = await vault.connected()

    rotated = await vault.harness.server.rotate_keys()
    clock.advance(HOUR / 10)
    after = await vault.ask(caller)

    assert rotated.sessions == 1
    assert owner_of(after.access_token) == "octo"
    async with vault.harness.server.services.store.reading() as connection:
        rows = await connection.execute(text("SELECT * FROM provider_connections"))
        (row,) = rows.mappings()
    assert row["sealing_key_id"] == rotated.sealing_key
    assert b"of-octo" not in bytes(row["sealed_tokens"])


async def test_a_key_under_which_a_connection_is_stored_is_not_deleted(
    vault: Vault, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await vault.connected()
    keys = vault.harness.server.services.sealing_keys
    await keys.rotate()
    clock.advance(HOUR + 1)
    await keys.rotate()

    user = await vault.caller()

    assert owner_of((await vault.ask(user)).access_token) == "octo"
    assert caller != user


@proves("S209", "refuses", "token vault per user")
async def test_no_event_error_or_repr_has_a_token_or_a_link(vault: Vault, clock: Any) -> None:
    caller = await vault.connected()
    got = await vault.ask(caller)
    vault.code.ended.add("octo")
    await _make_due(vault, clock)
    with pytest.raises(AccountNotConnected) as refused:
        await vault.ask(caller)

    said = [repr(vault.harness.events), repr(got), str(refused.value), repr(refused.value)]
    said.append(repr(Asked(subject_token=caller, resource=RESOURCE, provider="code")))
    for one in said:
        assert "of-octo" not in one
        assert "link=" not in one
        assert caller not in one


# The provider that signed the caller in.


@pytest.fixture
async def bridge(start_vault: StartVault) -> Bridge:
    """A server whose users sign in at a provider, and one for connections."""
    vault: Vault = await start_vault(identity_provider(), code_host())
    return Bridge(vault.harness, vault.sign_in)


async def _signed_in(bridge: Bridge) -> str:
    client = (await bridge.harness.register())["client_id"]
    back = await bridge.sign_in(bridge.harness.browser(), client)
    code = answer_in(back.headers["location"])["code"]
    return (await bridge.harness.token(bridge.harness.code_fields(client, code))).access


async def _of_sign_in(bridge: Bridge, caller: str) -> Any:
    asked = Asked(subject_token=caller, resource=RESOURCE, provider="sso")
    return await bridge.harness.server.services.provider_tokens.find(asked)


@proves("S209", "accepts", "token vault per user")
async def test_who_signed_in_at_the_provider_needs_no_link(bridge: Bridge) -> None:
    got = await _of_sign_in(bridge, await _signed_in(bridge))

    assert got.access_token.startswith("provider-access-")


async def test_the_token_of_a_sign_in_is_refreshed_before_it_is_over(
    bridge: Bridge, clock: Any
) -> None:
    bridge.provider.response["expires_in"] = 120
    caller = await _signed_in(bridge)
    before = await _of_sign_in(bridge, caller)
    clock.advance(100)

    first, second = await asyncio.gather(*(_of_sign_in(bridge, caller) for _ in range(2)))

    assert first.access_token == second.access_token != before.access_token
    refreshed = [form for _, form in bridge.provider.requests if "refresh_token" in form]
    assert len(refreshed) == 1


async def test_a_session_that_the_provider_ended_is_no_reason_to_connect(
    bridge: Bridge, clock: Any
) -> None:
    bridge.provider.response["expires_in"] = 120
    caller = await _signed_in(bridge)
    clock.advance(100)
    bridge.provider.broken = answered({"error": "invalid_grant"}, 400)

    with pytest.raises(ProviderGrantEnded):
        await _of_sign_in(bridge, caller)
    with pytest.raises(SubjectTokenRefused):
        await _of_sign_in(bridge, caller)


async def test_an_outage_at_the_provider_of_the_sign_in_is_503(bridge: Bridge, clock: Any) -> None:
    bridge.provider.response["expires_in"] = 120
    caller = await _signed_in(bridge)
    clock.advance(100)
    bridge.provider.broken = FetchFailed("unreachable")

    with pytest.raises(ProviderUnavailable):
        await _of_sign_in(bridge, caller)

    assert await _of_sign_in(bridge, caller)


async def test_a_session_at_a_provider_that_signs_nobody_in_any_more_is_void(
    bridge: Bridge, clock: Any
) -> None:
    caller = await _signed_in(bridge)
    services = bridge.harness.server.services
    sso = replace(identity_provider(), connect_only=True, allow=())
    object.__setattr__(services.settings, "identity_providers", (sso, code_host()))

    with pytest.raises(ProviderGrantEnded):
        await _of_sign_in(bridge, caller)


async def _make_due(vault: Vault, clock: Any) -> None:
    async with vault.harness.server.services.store.engine.begin() as connection:
        await connection.execute(
            text("UPDATE provider_connections SET check_due_at = :now"), {"now": clock()}
        )
