"""Which databases Doorward uses, and with which driver."""

from pathlib import Path

from sqlalchemy.engine import URL

# SQLAlchemy's own default drivers wait for the database in the thread of the event loop.
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


def with_driver(url: URL) -> URL | None:
    """Return the URL with the driver that Doorward uses; ``None`` for another database or driver."""
    driver = _DRIVERS.get(url.drivername, url.drivername)
    return url.set(drivername=driver) if driver in _DRIVERS.values() else None


def file_of(url: URL) -> Path | None:
    """Return the file of a SQLite database; ``None`` for another database, or one in memory."""
    if url.drivername != _DRIVERS["sqlite"] or not url.database:
        return None
    return Path(url.database)
