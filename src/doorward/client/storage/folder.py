"""The folder of a token store: private, and without what killed processes left."""

from contextlib import suppress
from pathlib import Path

from doorward.client.storage.lock import try_lock
from doorward.errors import ConfigurationError
from doorward.private_file import ExposedFolder, left_by_writers, require_private_folder
from doorward.wire.shell_command import shell_command

HOME_VARIABLE = "DOORWARD_HOME"
TEMPORARY = ".tokens-"


def create_private_directory(directory: Path) -> None:
    """
    Make ``directory``, and the folders above it that there are not, for this user alone.

    Raises:
        ConfigurationError: with reason ``unwritable-store``, or what ``require_private`` gives.
    """
    try:
        # One by one: parents that ``mkdir`` makes by itself are open to whom the umask lets in.
        for folder in reversed((directory, *directory.parents)):
            if not folder.is_dir():
                folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _unwritable(directory, error) from error
    require_private(directory)


def require_private(directory: Path) -> None:
    """
    Return when this user alone can change and replace ``directory``.

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
    """Remove what processes left that were killed while they wrote under ``lock``."""
    with suppress(OSError, ConfigurationError):
        # Without a lock file where there is nothing to remove.
        if not left_by_writers(directory, TEMPORARY):
            return
        # Who writes holds the lock for as long as its file has such a name.
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
        f"{directory} cannot be made or used: {error.strerror}.",
        f"Set {HOME_VARIABLE} to a folder that this user may write to.",
    )


def _exposed(directory: Path, found: ExposedFolder) -> ConfigurationError:
    hint = f"Set {HOME_VARIABLE} to a folder that nobody else can change or replace."
    if found.mode is not None and found.path.resolve() == directory.resolve():
        command = shell_command("chmod", "700", str(directory))
        hint = f"Remove what is not yours from it, and run: {command}"
    return ConfigurationError(
        "exposed-store", f"Tokens cannot be kept in {directory}: {found}.", hint
    )
