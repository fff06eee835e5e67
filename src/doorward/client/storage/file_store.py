"""Tokens and registrations in one private file, replaced as a whole."""

import json
from pathlib import Path

from doorward.client.storage.folder import (
    TEMPORARY,
    create_private_directory,
    remove_left,
    require_private,
)
from doorward.client.storage.lock import blocking_lock
from doorward.client.storage.store import Record
from doorward.errors import ConfigurationError
from doorward.private_file import Exposed, read_private, replace_private
from doorward.wire import strict_json
from doorward.wire.shell_command import shell_command

SERVICE = "doorward"
PASSPHRASE_VARIABLE = "DOORWARD_PASSPHRASE"  # noqa: S105  (a name)
_LARGEST = 64 * 1024 * 1024


class FileStore:
    """
    One JSON file with mode 0600 in a folder with mode 0700, replaced atomically.

    ```python
    store: Store = FileStore(Path("tokens"))
    async with connect("https://mcp.example/mcp", token_store=TokenStore(store)) as client:
        tools = await client.list_tools()
    ```

    Refuses a folder that another user can change or replace: that user could choose the tokens. A
    file that cannot be read is never overwritten.

    ``put`` and ``delete`` wait for a lock. In an event loop, call them in a thread.

    Raises:
        ConfigurationError: with reason ``unreadable-store``, ``exposed-store`` or
            ``unwritable-store``.
    """

    file_name = "tokens.json"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        create_private_directory(directory)
        self.path = directory / self.file_name
        self._lock = directory / "tokens.lock"
        self.location = f"{self.path}, {self.protection()}"
        remove_left(directory, self._lock)

    def get(self, key: str) -> Record | None:
        """Return the record under ``key``, or ``None``."""
        return self._load().get(key)

    def put(self, key: str, record: Record) -> None:
        """Store ``record`` under ``key``."""
        require_private(self.directory)
        with blocking_lock(self._lock):
            self._save({**self._load(), key: record})

    def delete(self, key: str) -> None:
        """Delete the record under ``key``, if any."""
        require_private(self.directory)
        with blocking_lock(self._lock):
            records = self._load()
            if records.pop(key, None) is not None:
                self._save(records)

    def keys(self) -> tuple[str, ...]:
        """Return every key that has a record."""
        return tuple(self._load())

    def _load(self) -> dict[str, Record]:
        require_private(self.directory)
        try:
            content = read_private(self.path, most=_LARGEST + 1, through_links=False)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise unreadable(self.path) from error
        except Exposed:
            raise ConfigurationError(
                "exposed-store",
                f"Other users of this machine can read {self.path}.",
                "Its tokens may be stolen: sign in again where it matters. Run: "
                + shell_command("chmod", "600", str(self.path)),
            ) from None
        try:
            return _records(self._decrypt(content))
        except ValueError as error:
            raise unreadable(self.path) from error

    def _save(self, records: dict[str, Record]) -> None:
        plain = json.dumps(records, indent=1, sort_keys=True).encode()
        if len(plain) > _LARGEST:
            raise ConfigurationError(
                "unwritable-store",
                f"{self.path} would be longer than {_LARGEST} octets.",
                "Sign out of servers that you do not use, with: doorward logout URL",
            )
        # Check that the file can be read again; otherwise the user would lose all records.
        _records(plain)
        replace_private(self.path, self._encrypt(plain), prefix=TEMPORARY)

    def protection(self) -> str:
        """Return what protects the file, in words that follow its path."""
        return "a plain file that only you can read (mode 0600)"

    def _encrypt(self, plain: bytes) -> bytes:
        """Return the file content for ``plain``; a subclass encrypts here."""
        return plain

    def _decrypt(self, content: bytes) -> bytes:
        """Return the plaintext of ``content``; raise ``ValueError`` if it is not valid."""
        return content


def _records(plain: bytes) -> dict[str, Record]:
    if len(plain) > _LARGEST:
        raise ValueError("longer than a store can be")
    records = strict_json.parse_object(plain)
    # An ignored entry would be lost with the next write.
    if not all(isinstance(record, dict) for record in records.values()):
        raise ValueError("an entry is not a record")
    return records


def unreadable(path: Path) -> ConfigurationError:
    """Return the error for a file that is not a valid token store."""
    command = shell_command("mv", str(path), f"{path}.damaged")
    return ConfigurationError(
        "unreadable-store",
        f"{path} is not a valid Doorward token file.",
        f"Nothing was changed. Restore a backup, or move it away and sign in again: {command}",
    )
