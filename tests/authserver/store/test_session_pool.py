"""Sessions at PostgreSQL go from hand to hand in order, and no turn is lost."""

import asyncio
from typing import Any, cast

import pytest

from doorward.authserver.store.postgresql.hosts import Connector
from doorward.authserver.store.postgresql.session_pool import (
    CONNECTIONS,
    PostgreSQLConnection,
    SessionPool,
    TimeLimit,
)


class Session:
    """A session of the driver that is open until it is terminated."""

    def __init__(self) -> None:
        self.closed = False

    def is_closed(self) -> bool:
        return self.closed

    def terminate(self) -> None:
        self.closed = True

    def add_log_listener(self, _listener: object) -> None:
        pass

    async def set_type_codec(self, *_codec: object, **_options: object) -> None:
        pass


class Server:
    """Opens sessions, after ``refusals``."""

    generation = 1

    def __init__(self) -> None:
        self.opened = 0
        self.refusals = 0

    async def __call__(self) -> Any:
        if self.refusals:
            self.refusals -= 1
            raise ConnectionRefusedError
        self.opened += 1
        return Session()


def later() -> TimeLimit:
    return TimeLimit(asyncio.get_running_loop().time() + 3600)


async def all_taken(server: Server) -> tuple[SessionPool, list[PostgreSQLConnection]]:
    pool = SessionPool(cast(Connector, server))
    return pool, [await pool.take(later()) for _ in range(CONNECTIONS)]


async def waiting(pool: SessionPool, time_limit: TimeLimit) -> "asyncio.Task[PostgreSQLConnection]":
    task = asyncio.ensure_future(pool.take(time_limit))
    await asyncio.sleep(0)
    return task


async def test_who_waits_gets_the_session_that_is_given_back() -> None:
    pool, taken = await all_taken(Server())
    first, second = await waiting(pool, later()), await waiting(pool, later())

    pool.give_back(taken[0])
    pool.give_back(taken[1])

    assert [await first, await second] == taken[:2]
    assert pool.connections() == (CONNECTIONS, 0)


async def test_who_waits_opens_a_session_where_a_closed_one_is_given_back() -> None:
    server = Server()
    pool, taken = await all_taken(server)
    task = await waiting(pool, later())

    taken[0].driver.terminate()
    pool.give_back(taken[0])

    assert await task not in taken
    assert server.opened == CONNECTIONS + 1


async def test_the_turn_of_a_cancelled_request_goes_to_the_next() -> None:
    pool, taken = await all_taken(Server())
    first, second = await waiting(pool, later()), await waiting(pool, later())

    # In one turn of the loop: it has the session already, and does not know of it.
    pool.give_back(taken[0])
    first.cancel()

    assert await second is taken[0]
    assert first.cancelled()


async def test_who_waits_too_long_gets_no_turn() -> None:
    pool, taken = await all_taken(Server())
    task = await waiting(pool, TimeLimit(asyncio.get_running_loop().time()))

    with pytest.raises(TimeoutError):
        await task
    pool.give_back(taken[0])

    assert pool.connections() == (CONNECTIONS - 1, 1)


async def test_a_transaction_that_takes_too_long_loses_its_session() -> None:
    pool, taken = await all_taken(Server())
    over = TimeLimit(asyncio.get_running_loop().time() + 0.01)
    over.apply_to(taken[0].driver)

    while not taken[0].driver.is_closed():
        await asyncio.sleep(0)
    pool.give_back(taken[0])
    assert pool.connections() == (CONNECTIONS - 1, 0)


async def test_the_turn_of_a_request_that_cannot_connect_goes_to_the_next() -> None:
    server = Server()
    pool, taken = await all_taken(server)
    first, second = await waiting(pool, later()), await waiting(pool, later())

    server.refusals = 1
    taken[0].driver.terminate()
    pool.give_back(taken[0])
    with pytest.raises(ConnectionRefusedError):
        await first

    assert await second not in taken
    assert pool.connections() == (CONNECTIONS, 0)


async def test_a_session_that_comes_as_the_time_ends_is_not_used_without_an_end() -> None:
    session = Session()
    time_limit = TimeLimit(asyncio.get_running_loop().time())
    # The timer finds neither a session nor somebody who waits.
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    time_limit.apply_to(cast(Any, session))

    assert session.closed


async def test_a_session_that_comes_in_time_is_used() -> None:
    session, time_limit = Session(), later()

    time_limit.apply_to(cast(Any, session))

    assert not session.closed
    time_limit.cancel()
