"""A private key in a file that only its owner can read."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from doorward.errors import ConfigurationError
from doorward.jose.algorithm_names import SigningAlgorithm
from doorward.jose.private_key import PrivateKey
from doorward.private_file import Exposed, read_private, replace_private
from doorward.wire.shell_command import shell_command


def read_key(path: Path) -> PrivateKey:
    """
    Return the private key in ``path``.

    Raises:
        ConfigurationError: with reason ``no-key``, ``exposed-key``, ``unreadable-key`` or
            ``unsuitable-key``.
    """
    try:
        pem = read_private(path, most=64 * 1024)
    except FileNotFoundError:
        raise ConfigurationError(
            "no-key",
            f"The key file {path} does not exist.",
            "Set --key to another file, or add --generate-keys to create it.",
        ) from None
    except OSError as error:
        raise ConfigurationError(
            "unreadable-key",
            f"Cannot read {path}: {error.strerror}.",
            "Set --key to a readable file.",
        ) from error
    except Exposed as found:
        raise ConfigurationError(
            "exposed-key",
            f"Other users of this machine can read {path} (mode {found.mode}).",
            f"Run: {shell_command('chmod', '600', str(path))}",
        ) from None
    return PrivateKey.from_pem(pem)


def make_key(path: Path, algorithm: str) -> Iterator[Path]:
    """
    Create a key at ``path`` and its JWKS beside it; yield each written path.

    ``signing-key.pem`` gets ``signing-key.jwks.json`` and ``signing-key.pub.pem``.

    Raises:
        ConfigurationError: with reason ``unknown-algorithm`` or ``unwritable-key``.
    """
    known = {name: name for name in get_args(SigningAlgorithm)}
    if algorithm not in known:
        raise ConfigurationError(
            "unknown-algorithm",
            f"Expected one of {', '.join(known)}, got {algorithm!r}.",
            "Change --algorithm.",
        )
    key = PrivateKey.generate(known[algorithm])
    jwks = json.dumps({"keys": [key.public_jwk()]}, indent=2) + "\n"
    try:
        # Exclusive: never overwrites a key that another process has just created.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.to_pem())
        yield path
        for beside, content in (
            (path.with_suffix(".jwks.json"), jwks.encode()),
            (path.with_suffix(".pub.pem"), key.public_pem()),
        ):
            # Not through a link that somebody put there, in a folder that others can write to.
            replace_private(beside, content, prefix=".key-", mode=0o644)
            yield beside
    except OSError as error:
        raise ConfigurationError(
            "unwritable-key",
            f"Cannot write {path}: {error.strerror}.",
            "Set --key to a file in a writable folder.",
        ) from error
