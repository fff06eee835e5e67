"""API keys in a file that only its owner can read and write."""

import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from doorward.errors import ConfigurationError
from doorward.net import NEVER, Clock, TimeRange
from doorward.private_file import Exposed, left_by_writers, read_private, replace_private
from doorward.tokens.api_keys.key import ApiKey
from doorward.tokens.refusals import ApiKeysUnavailable
from doorward.wire import strict_json
from doorward.wire.shell_command import shell_command

_VERSION = 1
_LARGEST = 16 * 1024 * 1024
_Stamp = tuple[int, int, int]


class ApiKeyFile:
    """
    The keys in the file at ``path``, as ``doorward api-key`` writes them.

    ```python
    guard = Guard(
        resource="https://mcp.example/mcp",
        issuer="https://login.example",
        policy=Policy(base=Rule(scopes={"mcp:read"})),
        api_keys=ApiKeyFile("keys.json", recheck=0.5),
    )
    ```

    Every ``recheck`` seconds, the file is read again if it has changed. A revoked key works for that
    long. While the file cannot be read, every key gets a 503, because it may have been revoked.

    Raises:
        ConfigurationError: with reason ``no-api-keys``, ``exposed-api-keys`` or
            ``unreadable-api-keys``, at start-up.
    """

    def __init__(self, path: str | Path, *, clock: Clock = time.time, recheck: float = 1.0) -> None:
        self._path = Path(path)
        self._clock = clock
        self._recheck = recheck
        self._lately = NEVER
        self._generation = 0
        self._stamp: _Stamp | None = None
        self._keys: dict[str, ApiKey] = {}
        self._problem: str | None = None
        read_keys(self._path)

    @property
    def generation(self) -> int:
        """How often the file has changed."""
        self._look()
        return self._generation

    def find(self, key_id: str) -> ApiKey | None:
        """
        Return the record of the key with this id.

        Raises:
            ApiKeysUnavailable: 503, the file cannot be read.
        """
        self._look()
        if self._problem is not None:
            raise ApiKeysUnavailable(self._problem)
        return self._keys.get(key_id)

    def _look(self) -> None:
        now = self._clock()
        if self._lately.contains(now):
            return
        self._lately = TimeRange(now, now + self._recheck)
        stamp = _stamp(self._path)
        if stamp is not None and stamp == self._stamp:
            return
        # Before anything can fail: entries cached from the old file are invalid in any case.
        self._generation += 1
        self._stamp = None
        try:
            self._keys, self._problem = {key.id: key for key in read_keys(self._path)}, None
            self._stamp = stamp
        except ConfigurationError as error:
            self._keys, self._problem = {}, error.problem


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    # With the inode, because a file can be replaced twice within one tick of the clock.
    return (found.st_mtime_ns, found.st_ino, found.st_size)


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """
    Return the keys in ``path``, in the order of their creation.

    Raises:
        ConfigurationError: with reason ``no-api-keys``, ``exposed-api-keys`` or
            ``unreadable-api-keys``.
    """
    try:
        content = read_private(path, most=_LARGEST + 1)
    except FileNotFoundError:
        raise ConfigurationError(
            "no-api-keys",
            f"There are no API keys at {path}.",
            "Make one: "
            + shell_command("doorward", "api-key", "create", "--file", str(path))
            + " --name NAME --scopes SCOPES",
        ) from None
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from error
    except Exposed as found:
        # Write access lets another user add a key with every scope; read access shows who has one.
        raise ConfigurationError(
            "exposed-api-keys",
            f"{path} is open to other users of this machine (mode {found.mode}).",
            "Look for keys that you did not make, then run: "
            + shell_command("chmod", "600", str(path)),
        ) from None
    return _parsed(path, content)


def _parsed(path: Path, content: bytes) -> tuple[ApiKey, ...]:
    try:
        document = strict_json.parse_object(content)
        if document.get("version") != _VERSION or not isinstance(document.get("keys"), list):
            raise _unreadable(path, f"it is not a list of keys of version {_VERSION}")
        keys = tuple(_key(entry) for entry in document["keys"])
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise _unreadable(path, f"{type(error).__name__}: {error}") from None
    if len({key.id for key in keys}) != len(keys):
        raise _unreadable(path, "two keys have the same id")
    return keys


def _key(entry: Mapping[str, Any]) -> ApiKey:
    revoked = entry.get("revoked_at")
    return ApiKey(
        id=_text(entry["id"]),
        secret_sha256=_text(entry["secret_sha256"]),
        name=_text(entry["name"]),
        scopes=_texts(entry["scopes"]),
        roles=_texts(entry["roles"]),
        created_at=float(entry["created_at"]),
        expires_at=float(entry["expires_at"]),
        revoked_at=None if revoked is None else float(revoked),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is something else")
    return value


def _texts(value: object) -> frozenset[str]:
    # A string is a collection of its letters, and each letter could be a scope.
    if not isinstance(value, list):
        raise TypeError("a list is something else")
    return frozenset(_text(one) for one in value)


def write_keys(path: Path, keys: Iterable[ApiKey]) -> None:
    """
    Write ``keys`` to ``path`` atomically, with mode 0600.

    A symbolic link stays, and its target is written. An existing file keeps its owner.

    Raises:
        ConfigurationError: with reason ``unwritable-api-keys``.
    """
    entries = [
        {**vars(key), "scopes": sorted(key.scopes), "roles": sorted(key.roles)} for key in keys
    ]
    # If the link were replaced, a revocation would not reach the server that reads the target.
    path = path.resolve()
    content = json.dumps({"version": _VERSION, "keys": entries}, indent=1).encode() + b"\n"
    try:
        replace_private(
            path,
            content,
            prefix=_temporary(path),
            prepare=lambda descriptor: _keep_owner(descriptor, path),
        )
    except OSError as error:
        raise ConfigurationError(
            "unwritable-api-keys",
            f"{path} cannot be written: {error.strerror}.",
            "Name a file in a folder that you may write to.",
        ) from error


def remove_left(path: Path) -> None:
    """
    Remove the temporary files of processes that were killed while they wrote ``path``.

    Hold the lock for writing: the temporary file of a running process looks the same.
    """
    path = path.resolve()
    with suppress(OSError):
        for left in left_by_writers(path.parent, _temporary(path)):
            left.unlink(missing_ok=True)


def _temporary(path: Path) -> str:
    # With the name, because each file has its own lock and a folder can hold several files.
    return f".api-keys-{path.name}-"


def _keep_owner(descriptor: int, path: Path) -> None:
    """Keep the owner of the file: a file that root owns could not be read by its server."""
    if sys.platform != "win32":
        with suppress(OSError):
            owner = path.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _unreadable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        "unreadable-api-keys",
        f"{path} cannot be read as a list of API keys: {why}.",
        "Put back a copy, or move it away and make new keys.",
    )
