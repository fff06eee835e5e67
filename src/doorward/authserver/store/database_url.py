"""Database URLs: SQLite, and PostgreSQL with one host or several."""

import re
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from doorward.errors import ConfigurationError

# The drivers that do not block the event loop.
_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}
# SQLAlchemy reads several hosts from the query only; libpq also has them in the place of one.
_SEVERAL_HOSTS = re.compile(r"(\w+(?:\+\w+)?://(?:[^/?#@]*@)?)([^/?#@]*,[^/?#@]*)(/[^?]*)?(\?.*)?")


def parse_database_url(text: str) -> URL:
    """
    Return the URL with the driver that Doorward uses.

    ``postgresql://a:5432,b:5432/doorward`` names several hosts, as in libpq.

    Raises:
        ConfigurationError: ``not-a-database-url`` or ``unknown-database``. Neither shows the URL,
            which can have a password.
    """
    try:
        url = make_url(_hosts_in_query(text))
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            "not-a-database-url",
            "The value is not the URL of a database.",
            'Write, for example: "sqlite:///doorward.db", or postgresql://user@host/doorward.',
        ) from None
    driver = _DRIVERS.get(url.drivername, url.drivername)
    if driver not in _DRIVERS.values():
        raise ConfigurationError(
            "unknown-database",
            f"The URL names the database {url.drivername[:40]!r}, which Doorward cannot use.",
            "Use SQLite (sqlite:///doorward.db) or PostgreSQL (postgresql://user@host/doorward).",
        )
    # libpq also reads the password from the query, where it would be shown.
    if isinstance(hidden := url.query.get("password"), str):
        url = url.set(password=hidden).difference_update_query(["password"])
    return url.set(drivername=driver)


def file_of(url: URL) -> Path | None:
    """Return the file of a SQLite database; ``None`` for another database, or one in memory."""
    if url.drivername != _DRIVERS["sqlite"] or not url.database:
        return None
    return Path(url.database)


def hosts_of(url: URL) -> list[tuple[str, int]]:
    """
    Return the hosts of a PostgreSQL URL with their ports; none means the driver's default.

    Raises:
        ValueError: a port is not a number.
    """
    named = url.query.get("host", url.host or ())
    hosts = ",".join((named,) if isinstance(named, str) else named)
    ports = str(url.query.get("port", url.port or 5432)).split(",")
    found = []
    for number, one in enumerate(filter(None, hosts.split(","))):
        default = ports[min(number, len(ports) - 1)]
        # A socket's folder and an IPv6 address without brackets have no port of their own.
        host, colon, port = one.rpartition(":") if _has_port(one) else (one, "", "")
        found.append((host.strip("[]"), int(port if colon else default)))
    return found


def _has_port(host: str) -> bool:
    return not host.startswith("/") and (host.count(":") == 1 or "]:" in host)


def _hosts_in_query(text: str) -> str:
    found = _SEVERAL_HOSTS.fullmatch(text)
    if found is None:
        return text
    before, hosts, path, query = found.groups()
    listed = "&".join(f"host={host}" for host in hosts.split(","))
    return f"{before}{path or ''}{query + '&' if query else '?'}{listed}"
