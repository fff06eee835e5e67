"""The folder in which the demo keeps clients, consents, tokens and keys."""

from contextlib import suppress
from pathlib import Path

from doorward.client.storage.folder import create_private_directory
from doorward.client.storage.open_store import config_directory
from doorward.errors import ConfigurationError
from doorward.private_file import create_private_folder

DATABASE = "doorward.db"
SECRET = "secret"  # noqa: S105 - a file name


def usual_folder(port: int) -> Path | None:
    """
    Return the folder of the demo on ``port``, in this user's folder for Doorward's files.

    Each port has its own folder, because a token names its issuer with the port. Without a fixed
    port, or where no private folder can be made, there is none, and the demo keeps nothing.
    """
    if port == 0:
        return None
    try:
        folder = config_directory() / f"demo-{port}"
        create_private_directory(folder)
    except ConfigurationError:
        return None
    return folder


def open_folder(folder: Path, *, fresh: bool) -> Path:
    """
    Return ``folder`` as an absolute path; it exists and can be written.

    ``fresh`` deletes the database in it, and nothing else.

    Raises:
        ConfigurationError: with reason ``data-not-writable``.
    """
    try:
        create_private_folder(folder)
        probe = folder / ".probe"
        probe.touch()
        probe.unlink()
        if fresh:
            for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
                with suppress(FileNotFoundError):
                    (folder / name).unlink()
    except OSError as error:
        raise ConfigurationError(
            "data-not-writable",
            f"The folder {str(folder)!r} cannot be written: {error.strerror}.",
            "Choose a folder of your own with --data.",
        ) from None
    return folder.absolute()
