"""Faults that somebody could write into the server, each of which the model must find."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from doorward.authserver.endpoints import revocation
from doorward.authserver.grants.access_tokens import AccessTokens
from doorward.authserver.grants.codes import claim_code
from doorward.authserver.grants.refresh_tokens import RefreshTokens
from doorward.authserver.keys import signing_keys
from doorward.authserver.keys.secrets import hash_secret
from doorward.authserver.refusals import InvalidGrant, StoreUnavailable
from doorward.authserver.store.schema import codes, grants, refresh_tokens
from doorward.authserver.token import code_grant, refresh_checks, refresh_grant
from doorward.authserver.users import users
from doorward.wire.oauth import pkce
from tests.authserver.model.faults import FaultyStore

Plant = Callable[[pytest.MonkeyPatch], None]


async def _nothing(*_: Any, **__: Any) -> bool:
    return False


def a_code_is_redeemed_twice(patch: pytest.MonkeyPatch) -> None:
    claim = claim_code

    async def forgetful(connection: Any, settings: Any, presented: Any, now: float) -> Any:
        this = codes.c.code_hash == hash_secret(presented.code)
        await connection.execute(update(codes).where(this).values(claimed_at=None))
        return await claim(connection, settings, presented, now)

    patch.setattr(code_grant, "claim_code", forgetful)


def a_reused_code_revokes_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(code_grant, "revoke_grant", _nothing)


def a_code_lives_too_long(patch: pytest.MonkeyPatch) -> None:
    claim = claim_code

    async def late(connection: Any, settings: Any, presented: Any, now: float) -> Any:
        return await claim(connection, settings, presented, now - 120)

    patch.setattr(code_grant, "claim_code", late)


def another_verifier_is_accepted(patch: pytest.MonkeyPatch) -> None:
    challenge_of = pkce.challenge_of
    patch.setattr(pkce, "challenge_of", lambda text: challenge_of(text.rstrip("x")))


def a_stolen_code_can_be_used_up(patch: pytest.MonkeyPatch) -> None:
    claim = claim_code

    async def eager(connection: Any, settings: Any, presented: Any, now: float) -> Any:
        outcome = await claim(connection, settings, presented, now)
        this = codes.c.code_hash == hash_secret(presented.code)
        await connection.execute(update(codes).where(this).values(claimed_at=now))
        return outcome

    patch.setattr(code_grant, "claim_code", eager)


def a_reused_refresh_token_revokes_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(refresh_grant, "revoke_grant", _nothing)


def a_retry_gets_no_answer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(refresh_grant, "retry_response", lambda *_: None)


def the_grace_goes_on_after_the_successor_was_used(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(refresh_grant, "was_rotated", _nothing)


def a_refresh_token_works_for_another_client(patch: pytest.MonkeyPatch) -> None:
    find = RefreshTokens.find

    async def any_client(self: Any, connection: Any, token: str, _client: str) -> Any:
        its = select(grants.c.client_id).join(
            refresh_tokens, refresh_tokens.c.grant_id == grants.c.id
        )
        its = its.where(refresh_tokens.c.token_hash == hash_secret(token))
        owner = (await connection.execute(its)).scalar_one_or_none()
        return await find(self, connection, token, owner or _client)

    patch.setattr(RefreshTokens, "find", any_client)


def scopes_that_a_user_lost_stay(patch: pytest.MonkeyPatch) -> None:
    def as_granted(_settings: Any, grant: Any, _user: Any, requested: Any) -> Any:
        return grant.scopes if requested is None else requested

    patch.setattr(refresh_checks, "_still_allowed", as_granted)


def a_refresh_token_is_never_idle_too_long(patch: pytest.MonkeyPatch) -> None:
    find = RefreshTokens.find

    async def patient(*arguments: Any) -> Any:
        kept = await find(*arguments)
        return None if kept is None else replace(kept, expires_at=1e12)

    patch.setattr(RefreshTokens, "find", patient)


def the_successor_is_not_stored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(refresh_grant, "store_refresh_token", _nothing)


def a_deleted_refresh_token_is_nobodys(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RefreshTokens, "_find_deleted", lambda *_: asyncio.sleep(0))


def a_disabled_user_keeps_the_tokens(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(users, "revoke_grants", _nothing)


def a_revoked_refresh_token_works(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(revocation, "revoke_grant", _nothing)


def a_revoked_access_token_is_active(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(AccessTokens, "is_alive", lambda *_: asyncio.sleep(0, True))


def a_new_key_signs_before_it_is_published(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(signing_keys, "PUBLISHED_FIRST", 0)


def a_fault_of_the_store_is_a_refusal(patch: pytest.MonkeyPatch) -> None:
    for name in ("status", "wire_error"):
        patch.setattr(StoreUnavailable, name, getattr(InvalidGrant, name))


def an_answer_leaves_without_its_commit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FaultyStore, "loses_commits", True)


PLANTED: tuple[Plant, ...] = (
    a_code_is_redeemed_twice,
    a_reused_code_revokes_nothing,
    a_code_lives_too_long,
    another_verifier_is_accepted,
    a_stolen_code_can_be_used_up,
    a_reused_refresh_token_revokes_nothing,
    a_retry_gets_no_answer,
    the_grace_goes_on_after_the_successor_was_used,
    a_refresh_token_works_for_another_client,
    scopes_that_a_user_lost_stay,
    a_refresh_token_is_never_idle_too_long,
    the_successor_is_not_stored,
    a_deleted_refresh_token_is_nobodys,
    a_disabled_user_keeps_the_tokens,
    a_revoked_refresh_token_works,
    a_revoked_access_token_is_active,
    a_new_key_signs_before_it_is_published,
    a_fault_of_the_store_is_a_refusal,
    an_answer_leaves_without_its_commit,
)
