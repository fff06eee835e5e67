"""How long a connection lasts, and that the provider learns of its end."""

import asyncio
from typing import Any

import pytest
from joserfc import jwt
from sqlalchemy import text

from doorward.authserver.provider_tokens.revocation import KEPT_UNUSED
from doorward.authserver.refusals import AccountNotConnected, SubjectTokenRefused
from doorward.authserver.settings.admission import Allow
from tests.authserver.browser import answer_in, form_with
from tests.authserver.provider_tokens.code_host import owner_of
from tests.authserver.provider_tokens.conftest import HOUR, StartVault, Vault, code_host
from tests.authserver.upstream.conftest import Bridge, identity_provider
from tests.authserver.upstream.openid_provider import CLIENT_ID, answered, signing_key
from tests.ledger import proves

SECRET = "Zq3-pWm8sK41-ddLxv0-ynB62-tRc95-oo7"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


async def revoked_at_provider(vault: Vault) -> list[str]:
    """Return the tokens that the provider was told to revoke."""
    await vault.harness.server.services.token_revocation.aclose()
    return vault.code.revoked


async def sweep(vault: Vault) -> None:
    """Do what a running server does once a minute."""
    await vault.harness.server.services.token_revocation.sweep()
    await vault.harness.server.services.token_revocation.aclose()


async def log_out(vault: Vault, **claims: Any) -> int:
    """Send a logout token of the second provider, and return the status."""
    now = int(vault.code.clock())
    claims = {
        "iss": vault.code.issuer,
        "aud": CLIENT_ID,
        "iat": now,
        "exp": now + 120,
        "jti": "logout-1",
        "events": {EVENT: {}},
        **claims,
    }
    token = jwt.encode({"alg": "RS256", "kid": "1"}, claims, signing_key())
    url = vault.harness.url("/backchannel-logout/code")
    answer = await vault.harness.http.post(url, data={"logout_token": token})
    return int(answer.status_code)


async def expire_grants(vault: Vault, clock: Any) -> None:
    clock.advance(vault.harness.server.settings.lifetimes.refresh_absolute + 1)


async def disconnect(vault: Vault) -> None:
    """Disconnect the account on ``/account``."""
    browser = await vault.signed_in()
    page = await browser.open(vault.harness.url("/account"))
    await browser.submit(form_with(page.text, "connection"))


@proves("S209", "accepts", "token vault per user")
async def test_access_that_expired_keeps_the_connection_for_the_next_sign_in(
    vault: Vault, clock: Any
) -> None:
    vault.code.can_revoke()
    vault.code.response["expires_in"] = None
    caller = await vault.connected()
    await expire_grants(vault, clock)
    async with vault.harness.server.services.store.engine.begin() as connection:
        used = {"at": clock() - KEPT_UNUSED + 60}
        await connection.execute(text("UPDATE provider_connections SET last_used_at = :at"), used)

    await sweep(vault)

    with pytest.raises(SubjectTokenRefused):
        await vault.ask(caller)
    assert owner_of((await vault.ask(await vault.caller())).access_token) == "octo"
    assert vault.code.revoked == []


@proves("S209", "refuses", "token vault per user")
async def test_a_connection_that_nobody_uses_ends_thirty_days_later_also_at_the_provider(
    vault: Vault, clock: Any
) -> None:
    vault.code.can_revoke()
    await vault.connected()
    await expire_grants(vault, clock)
    clock.advance(KEPT_UNUSED)

    await sweep(vault)

    assert await vault.count("provider_connections") == 0
    (token,) = vault.code.revoked
    assert owner_of(token) == "octo"
    assert await vault.count("ended_provider_tokens") == 0


async def test_a_connection_that_no_tool_uses_stays_while_an_application_has_access(
    vault: Vault, clock: Any
) -> None:
    await vault.connected()
    clock.advance(vault.harness.server.settings.lifetimes.refresh_absolute - 60)
    await vault.caller()
    clock.advance(120)
    async with vault.harness.server.services.store.engine.begin() as connection:
        await connection.execute(text("UPDATE provider_connections SET created_at = 1"))

    await sweep(vault)

    assert await vault.count("provider_connections") == 1


@proves("S209", "refuses", "token vault per user")
@pytest.mark.parametrize("named", [{"sub": "octo"}, {"sid": "s1"}, {"sub": "octo", "sid": "s1"}])
async def test_a_logout_at_the_provider_ends_what_was_connected_there(
    vault: Vault, named: dict[str, str]
) -> None:
    vault.code.can_revoke()
    vault.code.changed["sid"] = "s1"
    caller = await vault.connected()

    assert await log_out(vault, **named) == 200

    assert await vault.link(caller)
    (token,) = await revoked_at_provider(vault)
    assert owner_of(token) == "octo"


@pytest.mark.parametrize("named", [{"sub": "hexa"}, {"sid": "s2"}, {"sub": "octo", "sid": "s2"}])
async def test_a_logout_of_somebody_else_or_in_another_session_ends_no_connection(
    vault: Vault, named: dict[str, str]
) -> None:
    vault.code.changed["sid"] = "s1"
    caller = await vault.connected()

    assert await log_out(vault, **named) == 200

    assert owner_of((await vault.ask(caller)).access_token) == "octo"


@proves("S209", "refuses", "token vault per user")
@pytest.mark.parametrize("action", ["disable", "remove"])
async def test_a_user_who_is_disabled_or_removed_loses_connections_also_at_the_provider(
    vault: Vault, action: str
) -> None:
    vault.code.can_revoke()
    await vault.harness.add_user("bob")
    await vault.connected("alice")
    bob = await vault.connected("bob", "hexa")

    await getattr(vault.harness.server.users, action)("alice")
    await sweep(vault)

    assert await vault.count("provider_connections") == 1
    assert [owner_of(token) for token in vault.code.revoked] == ["octo"]
    assert owner_of((await vault.ask(bob)).access_token) == "hexa"


async def test_a_user_who_is_enabled_again_connects_again(vault: Vault) -> None:
    await vault.connected()
    await vault.harness.server.users.disable("alice")
    await vault.harness.server.users.enable("alice")

    assert await vault.link(await vault.caller())


@proves("S209", "refuses", "token vault per user")
async def test_a_user_whom_the_rules_admit_no_more_loses_connections_elsewhere(
    start_vault: StartVault, clock: Any
) -> None:
    vault = await start_vault(
        identity_provider(allow=(Allow(groups={"staff"}),)), code_host(), own_users=True
    )
    vault.code.can_revoke()
    vault.sign_in.user = {"sub": "jane", "name": "Jane", "groups": ["staff"]}
    harness, browser = vault.harness, vault.harness.browser()
    client = (await harness.register())["client_id"]
    back = await Bridge(harness, vault.sign_in).sign_in(browser, client)
    code = answer_in(back.headers["location"])["code"]
    tokens = await harness.token(harness.code_fields(client, code))
    await vault.connect(browser, await vault.link(tokens.access))
    vault.sign_in.user = {"sub": "jane", "name": "Jane", "groups": []}
    clock.advance(2 * HOUR)

    refused = await harness.refresh(client, tokens.refresh)

    assert refused.response.status_code == 400
    assert await vault.count("provider_connections") == 0
    assert [owner_of(token) for token in await revoked_at_provider(vault)] == ["octo"]


@proves("S209", "refuses", "token vault per user")
@pytest.mark.parametrize(
    "stricter", [{"required_amr": ("mfa",)}, {"acr_values": ("urn:example:2fa",)}]
)
async def test_a_stricter_setting_voids_a_connection_that_does_not_meet_it(
    start_vault: StartVault, database_url: str, stricter: dict[str, Any]
) -> None:
    vault = await start_vault(database_url=database_url, secret=SECRET)
    caller = await vault.connected()

    strict = await start_vault(
        code_host(**stricter), database_url=database_url, secret=SECRET, share=vault
    )

    with pytest.raises(AccountNotConnected):
        await strict.ask(caller)


@proves("S209", "accepts", "token vault per user")
@pytest.mark.parametrize(
    "stricter", [{"required_amr": ("mfa",)}, {"acr_values": ("urn:example:2fa",)}]
)
async def test_a_connection_that_meets_a_stricter_setting_stays_also_after_a_refresh(
    start_vault: StartVault, database_url: str, clock: Any, stricter: dict[str, Any]
) -> None:
    vault = await start_vault(database_url=database_url, secret=SECRET)
    vault.code.changed |= {"amr": ["pwd", "mfa"], "acr": "urn:example:2fa"}
    caller = await vault.connected()
    vault.code.changed.clear()
    strict = await start_vault(
        code_host(**stricter), database_url=database_url, secret=SECRET, share=vault
    )
    await _make_due(strict, clock)

    assert owner_of((await strict.ask(caller)).access_token) == "octo"
    assert vault.code.refreshes == 1
    assert owner_of((await strict.ask(caller)).access_token) == "octo"


async def _make_due(vault: Vault, clock: Any) -> None:
    async with vault.harness.server.services.store.engine.begin() as connection:
        due = {"now": clock()}
        await connection.execute(text("UPDATE provider_connections SET check_due_at = :now"), due)


@proves("S209", "refuses", "token vault per user")
async def test_tokens_that_come_after_a_disconnect_are_revoked_at_the_provider(
    vault: Vault, clock: Any
) -> None:
    vault.code.can_revoke()
    caller = await vault.connected()
    await _make_due(vault, clock)
    vault.code.answer = asyncio.Event()
    asking = asyncio.create_task(vault.link(caller))
    await vault.code.asked.wait()

    await disconnect(vault)
    (old,) = await revoked_at_provider(vault)
    vault.code.answer.set()
    await asking

    assert vault.code.refreshes == 1
    _, fresh = await revoked_at_provider(vault)
    assert owner_of(fresh) == "octo"
    assert fresh != old
    assert await vault.count("ended_provider_tokens") == 0


async def test_tokens_that_come_after_another_connection_took_the_place_are_not_revoked(
    vault: Vault, clock: Any
) -> None:
    """At some providers, the end of one token ends the newer ones of the same account."""
    vault.code.can_revoke()
    caller = await vault.caller()
    browser, link = await vault.signed_in(), await vault.link(caller)
    spare = await vault.link(caller)
    await vault.connect(browser, link)
    await _make_due(vault, clock)
    vault.code.answer = asyncio.Event()
    asking = asyncio.create_task(vault.link(caller))
    await vault.code.asked.wait()

    await vault.connect(browser, spare)
    vault.code.answer.set()
    await asking

    assert await revoked_at_provider(vault) == []
    assert owner_of((await vault.ask(caller)).access_token) == "octo"


async def test_a_provider_that_is_down_is_told_later(vault: Vault, clock: Any) -> None:
    vault.code.can_revoke()
    await vault.connected()
    vault.code.down = True
    await disconnect(vault)
    assert await revoked_at_provider(vault) == []
    vault.code.down = False

    await sweep(vault)
    too_early = list(vault.code.revoked)
    clock.advance(301)
    await sweep(vault)

    assert "provider-revocation.failed" in vault.harness.kinds()
    assert too_early == []
    assert [owner_of(token) for token in vault.code.revoked] == ["octo"]


@pytest.mark.parametrize("status", [500, 503, 429, 401])
async def test_an_error_of_the_revocation_endpoint_is_no_revocation(
    vault: Vault, status: int
) -> None:
    vault.code.can_revoke()
    vault.code.revocation = answered({"error": "temporarily_unavailable"}, status)
    await vault.connected()

    await disconnect(vault)

    await revoked_at_provider(vault)
    assert await vault.count("ended_provider_tokens") == 1


@proves("S209", "refuses", "token vault per user")
async def test_tokens_of_another_client_are_not_sent_to_the_configured_one(
    start_vault: StartVault, database_url: str
) -> None:
    vault = await start_vault(database_url=database_url, secret=SECRET)
    vault.code.can_revoke()
    await vault.connected()
    changed = await start_vault(
        code_host(client_id="another"), database_url=database_url, secret=SECRET, share=vault
    )

    await changed.harness.server.users.disable("alice")
    report = await changed.harness.server.revoke_ended_tokens()

    assert (report.revoked, report.not_revocable, report.waiting) == (0, 1, 0)
    assert vault.code.revoked == []


async def test_two_processes_tell_the_provider_once(
    start_vault: StartVault, database_url: str
) -> None:
    one = await start_vault(database_url=database_url, secret=SECRET)
    one.code.can_revoke()
    await one.connected()
    other = await start_vault(database_url=database_url, secret=SECRET, share=one)
    await one.harness.server.users.disable("alice")

    reports = await asyncio.gather(
        *(where.harness.server.revoke_ended_tokens() for where in (one, other) * 5)
    )

    assert sum(report.revoked for report in reports) == 1
    assert len(one.code.revoked) == 1


async def test_tokens_that_wait_survive_a_rotation_of_the_keys_and_are_sealed(
    vault: Vault, clock: Any
) -> None:
    vault.code.can_revoke()
    await vault.connected()
    await vault.harness.server.users.disable("alice")
    await vault.harness.server.rotate_keys()
    clock.advance(2 * HOUR)
    await vault.harness.server.rotate_keys()

    report = await vault.harness.server.revoke_ended_tokens()

    assert report.revoked == 1
