"""Where PostgreSQL is: a session at the writable host of a URL, with a password from a file."""

from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL

from doorward.authserver.store import deadline
from doorward.authserver.store.database_url import hosts_of
from doorward.errors import ConfigurationError
from doorward.private_file import Exposed, read_private

# Shares of the deadline after which PostgreSQL ends a statement itself, and frees its locks. A paused
# process must not keep its locks either.
TIMEOUTS = {
    "statement_timeout": 0.9,
    "lock_timeout": 0.8,
    "idle_in_transaction_session_timeout": 1.0,
}
# The session cannot write any more: its server became a standby.
_READ_ONLY = "25006"
# Of a transaction that can be run again: a serialization failure, a deadlock, and a standby.
_ROLLED_BACK = ("40001", "40P01", _READ_ONLY)
_LONGEST_PASSWORD = 4096


class NotReplicated(OSError):
    """The primary has committed, but was told not to wait for its synchronous standby."""


def is_rolled_back(error: BaseException) -> bool:
    """Say whether PostgreSQL has done nothing of the transaction, and may do it the next time."""
    return _sqlstate(error) in _ROLLED_BACK


def is_standby(error: BaseException) -> bool:
    """Say whether the server of the session became a standby."""
    return _sqlstate(error) == _READ_ONLY


def _sqlstate(error: BaseException) -> object:
    """Return the code of an error of the driver, or of SQLAlchemy around it."""
    return getattr(getattr(error, "orig", None) or error, "sqlstate", None)


class Connector:
    """
    Connects to the first writable host; the one of the last time is asked first.

    The password is read from ``password_file`` for each new session, so it can be replaced while the
    server runs.

    Raises:
        ConfigurationError: ``not-a-database-url``, or ``unreadable-password-file``.
    """

    def __init__(self, url: URL, password_file: Path | None) -> None:
        self._password_file = password_file
        # Of the sessions that are opened now; those of an earlier one must not be used again.
        self.generation = 0
        try:
            self._hosts: list[tuple[str, int] | None] = [*hosts_of(url)] or [None]
        except ValueError:
            raise ConfigurationError(
                "not-a-database-url",
                "A port in the URL of the database is not a number.",
                "Write, for example: postgresql://user@host:5432/doorward.",
            ) from None
        one = url.set(drivername="postgresql", host=None, port=None)
        self._dsn = one.difference_update_query(["host", "port"]).render_as_string(
            hide_password=False
        )
        # Doorward writes with every session. A guard that only reads may name a standby.
        self._attributes = None if "target_session_attrs" in url.query else "read-write"
        if password_file is not None:
            self._require_password(password_file)

    async def __call__(self, *_arguments: object, **_options: object) -> Any:
        problem: Exception | None = None
        for host in tuple(self._hosts):
            try:
                connection = await self._connect(host)
            except _other_host_may_do() as error:
                problem = error
            else:
                self._hosts.remove(host)
                self._hosts.insert(0, host)
                return connection
        raise problem or OSError("no host")

    def end_generation(self) -> None:
        """Let no session that is open now be used again: its server became a standby."""
        self.generation += 1

    async def _connect(self, host: tuple[str, int] | None) -> Any:
        import asyncpg

        return await asyncpg.connect(
            self._dsn,
            **({} if host is None else {"host": host[0], "port": host[1]}),
            **({} if self._password_file is None else {"password": self._password}),
            target_session_attrs=self._attributes,
            # A host that does not answer leaves time for the others.
            timeout=deadline.SECONDS * 0.8 / len(self._hosts),
            server_settings=_session(),
        )

    def _password(self) -> str:
        assert self._password_file is not None
        return _read_password(self._password_file)

    @staticmethod
    def _require_password(file: Path) -> None:
        try:
            _read_password(file)
        except OSError as error:
            raise ConfigurationError(
                "unreadable-password-file",
                f"The password of the database cannot be read from {file} ({error}).",
                "Write the password to the file, and make it readable for this account alone.",
            ) from None


def _session() -> dict[str, str]:
    timeouts = {name: str(int(share * deadline.SECONDS * 1000)) for name, share in TIMEOUTS.items()}
    return {"application_name": "doorward", "jit": "off", **timeouts}


def _read_password(file: Path) -> str:
    try:
        return read_private(file, most=_LONGEST_PASSWORD).decode().strip()
    except (Exposed, UnicodeDecodeError) as error:
        # At a new connection it is a fault like any other of the database.
        raise OSError(str(error) if isinstance(error, Exposed) else "not UTF-8") from None


def _other_host_may_do() -> tuple[type[Exception], ...]:
    import asyncpg

    # Any error: a server that stops ends the session at any moment, and a standby that is behind knows
    # neither a new database nor a new password.
    return (OSError, asyncpg.PostgresError, asyncpg.TargetServerAttributeNotMatched)
