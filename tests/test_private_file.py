"""Files that nobody else may read: the one reader that keys, secrets and tokens come through."""

from pathlib import Path

import pytest

from doorward.private_file import Exposed, read_private


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of its owner alone."""
    path = tmp_path / "secret"
    path.write_bytes(b"secret")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_of_its_owner_alone_is_read(file: Path, mode: int) -> None:
    file.chmod(mode)

    assert read_private(file) == b"secret"
    assert read_private(file, most=3) == b"sec"


@pytest.mark.parametrize("bit", [0o040, 0o020, 0o010, 0o004, 0o002, 0o001])
def test_a_file_that_is_open_to_anybody_else_is_not(file: Path, bit: int) -> None:
    file.chmod(0o600 | bit)

    with pytest.raises(Exposed) as refusal:
        read_private(file)

    assert refusal.value.mode == f"{0o600 | bit:04o}"
    assert "secret" not in str(refusal.value)


def test_the_file_that_a_link_leads_to_is_judged(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)

    assert read_private(link) == b"secret"
    file.chmod(0o644)
    with pytest.raises(Exposed):
        read_private(link)


def test_no_link_is_followed_where_none_may_be(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)

    assert read_private(file, through_links=False) == b"secret"
    with pytest.raises(OSError, match="symbolic links"):
        read_private(link, through_links=False)


def test_what_cannot_be_read_is_an_error_and_leaves_nothing_open(tmp_path: Path) -> None:
    before = _open_files()

    with pytest.raises(FileNotFoundError):
        read_private(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        read_private(tmp_path)

    assert _open_files() == before


def _open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))
