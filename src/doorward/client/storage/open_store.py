"""Chooses the token store and its folder, by environment and platform."""

import os
import sys
from pathlib import Path
from typing import Any

from doorward.client.storage.file_store import PASSPHRASE_VARIABLE, SERVICE, FileStore
from doorward.client.storage.folder import HOME_VARIABLE, unusable_keyring
from doorward.client.storage.store import Store
from doorward.errors import ConfigurationError


def config_directory() -> Path:
    """
    Return the folder of this user's Doorward files.

    It is ``$DOORWARD_HOME`` if set, else ``doorward`` in the platform's configuration folder.

    Raises:
        ConfigurationError: with reason ``unwritable-store``; this user has no home.
    """
    if chosen := os.environ.get(HOME_VARIABLE):
        return Path(chosen)
    try:
        return _usual_home()
    except RuntimeError as error:
        # Containers run under numbers that have no account.
        raise ConfigurationError(
            "unwritable-store",
            "This user has no home folder to keep tokens in.",
            f"Set {HOME_VARIABLE} to a folder that this user may write to.",
        ) from error


def _usual_home() -> Path:
    if sys.platform == "win32":  # pragma: no cover
        return Path(os.environ.get("APPDATA", str(Path.home()))) / "doorward"
    if sys.platform == "darwin":  # pragma: no cover
        return Path.home() / "Library" / "Application Support" / "doorward"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "doorward"


def open_store() -> Store:
    """
    Return the most protected token store that is available.

    With ``$DOORWARD_PASSPHRASE``, the file is encrypted with the passphrase. Else, with a usable
    keyring and without ``$DOORWARD_HOME``, it is encrypted with a key in the keyring. Else it is
    plain text with mode 0600: that protects it from other users of the machine, but not from root,
    from programs of this user, or from a copy of the disk.

    Raises:
        ConfigurationError: with reason ``unusable-keyring``, or the chosen store cannot be used.
    """
    directory = config_directory()
    if passphrase := os.environ.get(PASSPHRASE_VARIABLE):
        # Imported here: most stores need neither Argon2 nor keyring.
        from doorward.client.storage.passphrase_store import PassphraseStore

        return PassphraseStore(directory, passphrase)
    # An empty variable chooses no folder, so it does not turn the encryption off.
    if not os.environ.get(HOME_VARIABLE):
        backend = _usable_keyring()
        if backend is not None:
            from doorward.client.storage.keyring_store import KeyringStore

            return KeyringStore(directory, backend)
    return FileStore(directory)


def _usable_keyring() -> Any | None:
    """Return the keyring backend, or ``None`` if it does not protect its entries."""
    import keyring
    from keyring.errors import KeyringError

    try:
        backend = keyring.get_keyring()
        # The plaintext and null backends protect nothing.
        if backend.priority <= 0 or not type(backend).__module__.startswith("keyring.backends."):
            return None
        # A desktop keyring without a desktop fails at the first access: find out now.
        backend.get_password(SERVICE, "probe")
    except (KeyringError, RuntimeError, OSError):
        return None
    # A variable or a file of the user's names the class, and its module may raise anything. Not
    # taken for "there is none": whoever chose a keyring means the file to be sealed.
    except Exception as error:
        raise unusable_keyring(type(error).__name__) from error
    return backend
