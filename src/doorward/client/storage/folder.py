"""The folder of a token store: creates it, checks that it is private, and cleans it up."""

from contextlib import suppress
from pathlib import Path

from doorward.client.storage.lock import try_lock
from doorward.errors import ConfigurationError
from doorward.private_file import (
    ExposedFolder,
    create_private_folder,
    left_by_writers,
    require_private_folder,
)
from doorward.wire.shell_command import shell_command

HOME_VARIABLE = "DOORWARD_HOME"
TEMPORARY = ".tokens-"


def create_private_directory(directory: Path) -> None:
    """
    Create ``directory`` and its missing parents, accessible only by this user.

    Raises:
        ConfigurationError: with reason ``unwritable-store``, or a reason of ``require_private``.
    """
    try:
        create_private_folder(directory)
    except OSError as error:
        raise _unwritable(directory, error) from error
    require_private(directory)


def require_private(directory: Path) -> None:
    """
    Return if only this user can change and replace ``directory``.

    Raises:
        ConfigurationError: with reason ``exposed-store`` or ``unwritable-store``.
    """
    try:
        require_private_folder(directory)
    except ExposedFolder as found:
        raise _exposed(directory, found) from None
    except OSError as error:
        raise _unwritable(directory, error) from error


def remove_left(directory: Path, lock: Path) -> None:
    """Remove the temporary files of processes that were killed while they held ``lock``."""
    with suppress(OSError, ConfigurationError):
        # Without a lock file where there is nothing to remove.
        if not left_by_writers(directory, TEMPORARY):
            return
        # A process that still writes holds the lock.
        with try_lock(lock) as held:
            for path in left_by_writers(directory, TEMPORARY) if held else ():
                path.unlink(missing_ok=True)


def unusable_keyring(why: str) -> ConfigurationError:
    """Return what to tell the user of a keyring that does not give the key of the token file."""
    return ConfigurationError(
        "unusable-keyring",
        f"The keyring cannot be used ({why}).",
        f"Unlock it, or correct PYTHON_KEYRING_BACKEND or keyringrc.cfg, or set {HOME_VARIABLE} to "
        "keep tokens in a private file.",
    )


def _unwritable(directory: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        "unwritable-store",
        f"Cannot create or use {directory}: {error.strerror}.",
        f"Set {HOME_VARIABLE} to a folder that this user can write to.",
    )


def _exposed(directory: Path, found: ExposedFolder) -> ConfigurationError:
    hint = f"Set {HOME_VARIABLE} to a folder that nobody else can change or replace."
    if found.mode is not None and found.path.resolve() == directory.resolve():
        command = shell_command("chmod", "700", str(directory))
        hint = f"Remove files of other users from it. Run: {command}"
    return ConfigurationError(
        "exposed-store", f"Tokens cannot be kept in {directory}: {found}.", hint
    )
