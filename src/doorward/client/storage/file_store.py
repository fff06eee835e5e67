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
    One JSON file with mode 0600 in a folder with mode 0700, replaced as a whole.

    Nobody else may be able to write to the folder or to replace it: who can, decides which tokens
    are sent. A file that cannot be read is never written over.

    ``put`` and ``delete`` wait for other processes that write. In an event loop, call them in a
    thread.

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
        self.location = str(self.path)
        remove_left(directory, self._lock)

    def get(self, key: str) -> Record | None:
        """Return the record under ``key``, or ``None``."""
        return self._load().get(key)

    def put(self, key: str, record: Record) -> None:
        """Keep ``record`` under ``key``."""
        require_private(self.directory)
        with blocking_lock(self._lock):
            self._save({**self._load(), key: record})

    def delete(self, key: str) -> None:
        """Forget what is under ``key``, if anything."""
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
                f"{self.path} can be read by other users of this machine.",
                "Sign in again where it matters, and run: "
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
        # What could not be read again would lock the user out of all the rest.
        _records(plain)
        replace_private(self.path, self._encrypt(plain), prefix=TEMPORARY)

    def _encrypt(self, plain: bytes) -> bytes:
        """Return what the file holds for ``plain``."""
        return plain

    def _decrypt(self, content: bytes) -> bytes:
        """Return what ``_closed`` was given; a ``ValueError`` says that it was not."""
        return content


def _records(plain: bytes) -> dict[str, Record]:
    if len(plain) > _LARGEST:
        raise ValueError("longer than any store")
    records = strict_json.parse_object(plain)
    # What is left out here would be lost with the next record that is kept.
    if not all(isinstance(record, dict) for record in records.values()):
        raise ValueError("something else than a record")
    return records


def unreadable(path: Path) -> ConfigurationError:
    """Return what to tell the user of a file that holds something else than our records."""
    command = shell_command("mv", str(path), f"{path}.damaged")
    return ConfigurationError(
        "unreadable-store",
        f"{path} cannot be read as Doorward's token file.",
        f"Nothing was changed. Put back a copy, or sign in again after: {command}",
    )
