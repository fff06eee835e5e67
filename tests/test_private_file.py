"""Files that nobody else may read: the one reader that keys, secrets and tokens come through."""

import grp
import os
import pwd
import stat
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import pytest

from doorward.private_file import (
    Exposed,
    ExposedFolder,
    create_private_folder,
    is_private,
    left_by_writers,
    read_private,
    replace_private,
    require_private_folder,
)


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


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o640])
def test_the_group_may_read_a_file_that_root_gives_to_a_service(mode: int) -> None:
    assert is_private(mode, owner=0, account=10001)


@pytest.mark.parametrize(
    ("mode", "owner", "account"),
    [
        (0o444, 0, 10001),
        (0o460, 0, 10001),
        (0o450, 0, 10001),
        (0o441, 0, 10001),
        # Of another account, or of this one: it did not need root to choose the group.
        (0o440, 10002, 10001),
        (0o440, 10001, 10001),
        (0o440, 0, 0),
    ],
)
def test_no_other_file_may_be_read_by_a_group(mode: int, owner: int, account: int) -> None:
    assert not is_private(mode, owner=owner, account=account)


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


def test_a_bound_costs_no_memory_for_what_is_not_there(file: Path) -> None:
    tracemalloc.start()
    try:
        assert read_private(file, most=1 << 30) == b"secret"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 1 << 20


def test_a_secret_longer_than_a_piece_is_read_whole_or_up_to_the_bound(file: Path) -> None:
    content = bytes(range(256)) * 1000
    file.write_bytes(content)

    for most in (-1, len(content), len(content) + 1, 65536, 65537, 0):
        assert read_private(file, most=most) == (content if most < 0 else content[:most])


def test_a_pipe_is_read_unless_it_must_be_a_file(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.write(write, b"secret")
    os.close(write)

    assert read_private(Path(f"/dev/fd/{read}")) == b"secret"
    os.close(read)
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(OSError, match="not a regular file"):
        read_private(tmp_path / "pipe", through_links=False)


@pytest.mark.parametrize("members", [[], ["me"]])
def test_a_folder_of_a_group_with_the_accounts_name_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: list[str]
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config").chmod(0o775)
    (tmp_path / "config" / "home").mkdir(mode=0o700)
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name="me"))
    group = SimpleNamespace(gr_name="me", gr_mem=members)
    monkeypatch.setattr(grp, "getgrgid", lambda _: group)

    require_private_folder(tmp_path / "config" / "home")
    for name, others in (("staff", []), ("me", ["me", "you"])):
        group.gr_name, group.gr_mem = name, others
        with pytest.raises(ExposedFolder):
            require_private_folder(tmp_path / "config" / "home")


def test_the_folder_itself_is_open_to_no_group_at_all(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o770)

    with pytest.raises(ExposedFolder) as refusal:
        require_private_folder(tmp_path / "home")

    assert refusal.value.mode is not None
    assert refusal.value.path == tmp_path / "home"


def test_a_file_is_replaced_as_a_whole_and_private(file: Path) -> None:
    replace_private(file, b"new", prefix=".new-")

    assert read_private(file) == b"new"
    assert [path.name for path in file.parent.iterdir()] == ["secret"]


def test_a_link_is_replaced_and_what_it_leads_to_stays(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    replace_private(link, b"new", prefix=".new-", mode=0o644)

    assert not link.is_symlink()
    assert stat.S_IMODE(link.stat().st_mode) == 0o644
    assert file.read_bytes() == b"secret"


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(file: Path) -> None:
    def fails(_: int) -> None:
        raise OSError(28, "no space left")

    with pytest.raises(OSError, match="no space"):
        replace_private(file, b"new", prefix=".new-", prepare=fails)

    assert read_private(file) == b"secret"
    assert left_by_writers(file.parent, ".new-") == []


def test_only_files_with_the_name_of_one_under_way_are_left_by_writers(tmp_path: Path) -> None:
    names = [".new-abcdefg1", ".new-a_bcdefg", ".new-short", ".new-ABCDEFGH", ".new-abcdefgh.bak"]
    for name in [*names, "x.new-abcdefgh", ".newer-abcdefgh", ".new-abcdefg\n"]:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".new-abcdefg2").mkdir()
    (tmp_path / ".new-abcdefg3").symlink_to(tmp_path / ".new-abcdefg1")

    found = left_by_writers(tmp_path, ".new-")

    assert sorted(path.name for path in found) == [".new-a_bcdefg", ".new-abcdefg1"]


def test_a_folder_is_created_with_its_parents_for_this_account_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_private_folder(tmp_path / "a" / "b" / "c")
        # A folder that exists stays as it is.
        create_private_folder(tmp_path / "a")
    finally:
        os.umask(before)

    for folder in ("a", "a/b", "a/b/c"):
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == 0o700
