"""URLs of databases, as SQLAlchemy and as libpq write them."""

import builtins
import sys
from pathlib import Path
from typing import Any

import pytest

from doorward.authserver.store.database_url import hosts_of, parse_database_url
from doorward.authserver.store.engine import Store
from doorward.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("postgresql://doorward@db.example/doorward", [("db.example", 5432)]),
        ("postgresql+asyncpg://doorward@db.example:6432/doorward", [("db.example", 6432)]),
        ("postgres://doorward@db.example/doorward", [("db.example", 5432)]),
        ("postgresql://doorward@a,b:6432/doorward", [("a", 5432), ("b", 6432)]),
        ("postgresql://doorward@a:1,b:2/doorward?ssl=on", [("a", 1), ("b", 2)]),
        ("postgresql://doorward@/doorward?host=a:1&host=b:2", [("a", 1), ("b", 2)]),
        ("postgresql://doorward@/doorward?host=a,b&port=1,2", [("a", 1), ("b", 2)]),
        ("postgresql://doorward@[::1]:1,[::2]/doorward", [("::1", 1), ("::2", 5432)]),
        ("postgresql://doorward@[::1]/doorward", [("::1", 5432)]),
        ("postgresql:///doorward?host=/run/postgresql&port=1", [("/run/postgresql", 1)]),
        ("postgresql:///doorward", []),
        ("postgresql://doorward:a,b@db.example/doorward", [("db.example", 5432)]),
    ],
)
def test_every_form_of_a_postgresql_url_is_read(text: str, hosts: list[tuple[str, int]]) -> None:
    url = parse_database_url(text)

    assert url.drivername == "postgresql+asyncpg"
    assert url.database == "doorward"
    assert hosts_of(url) == hosts


def test_a_password_in_the_query_is_found_and_not_shown() -> None:
    url = parse_database_url("postgresql://doorward@db.example/doorward?password=hunter2")

    assert url.password == "hunter2"
    assert "hunter2" not in url.render_as_string()


def test_a_sqlite_url_gets_the_driver_that_does_not_block() -> None:
    url = parse_database_url("sqlite:///a,b.db")

    assert (url.drivername, url.database) == ("sqlite+aiosqlite", "a,b.db")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hunter2", "not-a-database-url"),
        ("postgresql://doorward:hunter2@db.example:port/doorward", "not-a-database-url"),
        ("mysql://doorward:hunter2@db.example/doorward", "unknown-database"),
        ("postgresql+psycopg2://doorward:hunter2@db.example/doorward", "unknown-database"),
    ],
)
def test_another_url_is_refused_without_showing_it(text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Store(text)

    assert refused.value.reason == reason
    assert "hunter2" not in str(refused.value)


def test_a_port_that_is_no_number_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Store("postgresql://doorward@/doorward?host=a:hunter2")

    assert refused.value.reason == "not-a-database-url"
    assert "hunter2" not in str(refused.value)


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def without_asyncpg(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "asyncpg":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return load(name, *arguments, **options)

    monkeypatch.delitem(sys.modules, "asyncpg", raising=False)
    monkeypatch.setattr(builtins, "__import__", without_asyncpg)

    with pytest.raises(ConfigurationError) as refused:
        Store("postgresql://doorward@db.example/doorward")

    assert refused.value.reason == "no-database-driver"
    assert refused.value.hint == "Install it: pip install 'doorward[postgres]'"


@pytest.mark.parametrize("content", [None, b"hunter2\n", b"\xff"])
def test_a_password_file_that_cannot_be_used_is_refused_at_the_start(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
        file.chmod(0o644 if content == b"hunter2\n" else 0o600)

    with pytest.raises(ConfigurationError) as refused:
        Store("postgresql://doorward@db.example/doorward", file)

    assert refused.value.reason == "unreadable-password-file"
    assert "hunter2" not in str(refused.value)
