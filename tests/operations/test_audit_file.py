"""The audit file: rotated, private, and one chain over restarts."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from doorward.errors import ConfigurationError
from doorward.operations.audit_chain import verify
from doorward.operations.audit_file import AuditFile, files_of, read_head
from doorward.operations.records import Record
from tests.ledger import proves


def record(number: int = 1, **facts: Any) -> Record:
    return Record(
        time=float(number),
        level="info",
        party="guard",
        event="decision",
        correlation_id=f"{number:016x}",
        facts=facts,
    )


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_records_are_lines_that_only_this_account_reads(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    file = AuditFile(path)
    file.add(record(1, tool="add"))
    file.add(record(2))
    file.close()

    assert [one["correlation_id"] for one in lines(path)] == [f"{1:016x}", f"{2:016x}"]
    assert lines(path)[0]["facts"] == {"tool": "add"}
    assert path.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "audit.jsonl.head").exists()


async def test_records_of_one_turn_are_written_together_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    file = AuditFile(path)
    file.add(record(1))
    file.add(record(2))
    before = path.read_text()
    await asyncio.sleep(0)
    after = lines(path)
    file.close()

    assert before == ""
    assert len(after) == 2


def test_a_full_file_is_rotated_and_the_oldest_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    file = AuditFile(path, max_bytes=300, keep=2, chain=True)
    for number in range(12):
        file.add(record(number))
    file.close()

    files = files_of(path)
    assert [one.name for one in files] == ["audit.jsonl.2", "audit.jsonl.1", "audit.jsonl"]
    assert all(one.stat().st_mode & 0o777 == 0o600 for one in files)
    numbers = [line["sequence"] for one in files for line in lines(one)]
    assert numbers == list(range(numbers[0], 13))
    assert numbers[0] > 1
    found = verify(files, read_head(path))
    assert (found.problems, found.first, found.last.sequence) == ([], numbers[0], 12)


@proves("S215", "refuses", "audit chain")
def test_a_rotated_file_that_was_removed_from_the_middle_is_found(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    file = AuditFile(path, max_bytes=300, keep=5, chain=True)
    for number in range(12):
        file.add(record(number))
    file.close()
    (tmp_path / "audit.jsonl.2").unlink()

    (problem,) = verify(files_of(path), read_head(path)).problems
    assert problem.startswith("audit.jsonl.1:1:")


def test_the_chain_goes_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    for number in range(3):
        file = AuditFile(path, chain=True)
        file.add(record(number))
        file.close()

    assert [one["sequence"] for one in lines(path)] == [1, 2, 3]
    assert verify([path], read_head(path)).problems == []


def test_half_a_line_of_a_killed_process_is_cut_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    file = AuditFile(path, chain=True)
    file.add(record(1))
    file.close()
    with path.open("ab") as opened:
        opened.write(b'{"time":2.0,"lev')
    file = AuditFile(path, chain=True)
    file.add(record(2))
    file.close()

    assert [one["sequence"] for one in lines(path)] == [1, 2]
    assert verify([path], read_head(path)).problems == []


@proves("S215", "refuses", "audit chain")
def test_a_restart_does_not_cover_up_that_the_end_was_removed(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    file = AuditFile(path, chain=True)
    for number in range(5):
        file.add(record(number))
    file.close()
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    file = AuditFile(path, chain=True)
    file.add(record(6))
    file.close()

    (problem,) = verify([path], read_head(path)).problems
    assert problem.startswith("audit.jsonl:4: line 6 follows line 3: lines were removed")


def test_a_disk_that_is_full_loses_no_request_and_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lost: list[int] = []
    path = tmp_path / "audit.jsonl"
    file = AuditFile(path, chain=True, failed=lost.append)
    file.add(record(1))
    write = os.write

    def half(descriptor: int, data: Any) -> int:
        if len(data) > 20:
            return write(descriptor, bytes(data)[:20])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("doorward.operations.audit_file.os.write", half)
    file.add(record(2))
    monkeypatch.undo()
    file.add(record(3))
    file.close()

    assert lost == [1]
    assert "No space left" in capsys.readouterr().err
    # No half line, and no gap in the chain.
    assert [one["sequence"] for one in lines(path)] == [1, 2]
    assert verify([path], read_head(path)).problems == []


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError) as refused:
        AuditFile(tmp_path / "audit.jsonl")

    assert refused.value.reason == "audit-file"
    assert not (tmp_path / "elsewhere").exists()
