"""Kinds of values that need more than their own text: database URLs, keys, variables."""

from typing import Any

from sqlalchemy.engine import URL

from doorward.authserver.store.database_url import file_of, parse_database_url
from doorward.config.reading.document import Place
from doorward.config.reading.kinds import FilePath, Kind, Schema, Text
from doorward.config.reading.tables import explained, read_environment, read_secret
from doorward.errors import ConfigurationError
from doorward.jose.private_key import PrivateKey
from doorward.tokens import Introspection

_DATABASE = '"sqlite:///doorward.db"'


class FromEnvironment(Kind):
    """The name of an environment variable; read as its value."""

    def read(self, value: Any, place: Place) -> str:
        """Return the value of the variable."""
        return read_environment(value, place)

    def schema(self) -> Schema:
        """Return the schema of a name."""
        return Text().schema()


class SecretFile(Kind):
    """The path of a file with mode 0600; read as the secret in it."""

    def read(self, value: Any, place: Place) -> str:
        """Return the secret."""
        return read_secret(FilePath().read(value, place), place)

    def schema(self) -> Schema:
        """Return the schema of a path."""
        return Text().schema()


class DatabaseUrl(Kind):
    """The URL of a database, without a password."""

    def read(self, value: Any, place: Place) -> str:
        """Return the URL, unless it has a password."""
        text = Text(_DATABASE).read(value, place)
        if database_url(text, place).password is not None:
            raise ConfigurationError(
                "password-in-file",
                f"{place} has a password, and secrets may not be in this file.",
                f"Write the whole URL to a file with mode 0600 and set {place.path[-1]}_file to its"
                f" path, or set {place.path[-1]}_env to the name of an environment variable.",
            )
        return text

    def schema(self) -> Schema:
        """Return the schema of a URL."""
        return Text().schema()


def database_url(text: str, place: Place) -> URL:
    """
    Return the URL, with the driver that Doorward uses and the path of a SQLite file in full.

    Raises:
        ConfigurationError: ``not-a-database-url`` or ``unknown-database``. Neither shows
            the URL, which can have a password.
    """
    with explained(place):
        url = parse_database_url(text)
    if (file := file_of(url)) is None:
        return url
    # Relative to the file, and not to the folder in which the command happens to run.
    path = place.document.path.parent.absolute() / file.expanduser()
    return url.set(database=str(path))


def introspection_of(*, private_key: str | None = None, **values: Any) -> Introspection:
    """Return the settings of introspection; ``private_key`` is in PEM form."""
    key = None if private_key is None else PrivateKey.from_pem(private_key)
    return Introspection(private_key=key, **values)
