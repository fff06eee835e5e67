"""The folder of one Keycloak: links to the program, the realm to import, database, password."""

import contextlib
import hashlib
import secrets
import shutil
from pathlib import Path

from keycloak import distribution, realm
from keycloak.trouble import CannotStart

_LINKED = ("conf", "lib", "providers", "themes")
_MARK = "realm-mark"


class Instance:
    """
    The folder that Keycloak calls its home.

    Its database lasts until the realm's file or the server changes: importing a realm that is
    there already does nothing, so a changed one would never arrive.
    """

    def __init__(self, folder: Path, server: realm.McpServer) -> None:
        self.folder = folder
        self._realm = realm.render(server)

    @property
    def password_file(self) -> Path:
        """The file with the administrator's password, readable by its owner alone."""
        return self.folder / "admin-password"

    @property
    def password(self) -> str:
        """The password of the administrator."""
        return self.password_file.read_text(encoding="utf-8").strip()

    @property
    def prepared(self) -> Path:
        """Where a finished folder for this realm is kept, from which others are copied."""
        return distribution.CACHE / "prepared" / self._mark()

    def is_current(self) -> bool:
        """Say whether the folder is there and made for this realm and this version."""
        mark = self.folder / _MARK
        return mark.exists() and mark.read_text(encoding="utf-8") == self._mark()

    def lay_out(self, home: Path, password: str | None = None) -> None:
        """Make the folder anew, for a first start that takes long."""
        self._make()
        imports = self.folder / "data" / "import"
        imports.mkdir(parents=True)
        (imports / f"{realm.NAME}-realm.json").write_text(self._realm, encoding="utf-8")
        for name in _LINKED:
            (self.folder / name).symlink_to(home / name, target_is_directory=True)
        self.password_file.touch(mode=0o600)
        self.password_file.write_text((password or secrets.token_urlsafe(18)) + "\n", "utf-8")
        (self.folder / _MARK).write_text(self._mark(), encoding="utf-8")

    def copy_prepared(self) -> None:
        """Make the folder anew from the prepared one: no schema to build, nothing to import."""
        self._make()
        shutil.copytree(self.prepared, self.folder, symlinks=True, dirs_exist_ok=True)
        self.shut()

    def shut(self) -> None:
        """Let nobody but its owner in: the database holds the key that signs every token."""
        self.folder.chmod(0o700)

    def _make(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700, parents=True)

    def become_prepared(self) -> None:
        """Keep this folder as the prepared one, and none for older realms or versions."""
        same = self._mark().rpartition("-")[0]
        for old in self.prepared.parent.iterdir():
            if not old.name.startswith((f"{same}-", "making-")):
                shutil.rmtree(old, ignore_errors=True)
        # Somebody who prepared at the same time may have been first; theirs is as good.
        with contextlib.suppress(OSError):
            self.folder.rename(self.prepared)

    def require_password(self, wanted: str | None) -> None:
        """Refuse to start with a password that is not the one the administrator was made with."""
        if wanted not in (None, self.password):
            raise CannotStart(
                "The administrator was made with another password than the one that is set now.",
                "Start once with --fresh, which begins with an empty database.",
            )

    def _mark(self) -> str:
        file, rendered = _digest(realm.FILE.read_text("utf-8")), _digest(self._realm)
        return f"{distribution.VERSION}-{file}-{rendered}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]
