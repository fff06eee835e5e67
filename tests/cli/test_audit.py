"""``doorward audit verify``: what it says, and with which status it ends."""

import json
import shutil
from pathlib import Path

import pytest

from doorward.cli.exit_codes import ExitCode
from doorward.operations.audit_file import AuditFile
from doorward.operations.records import Record
from tests.cli.conftest import Command
from tests.ledger import proves


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    """An audit file with five chained lines."""
    path = tmp_path / "audit.jsonl"
    file = AuditFile(path, chain=True)
    for number in range(5):
        file.add(Record(time=float(number), level="info", party="guard", event="decision"))
    file.close()
    return path


@proves("S215", "accepts", "audit chain")
def test_an_unchanged_audit_file_is_intact(doorward: Command, audit: Path) -> None:
    ended = doorward("audit", "verify", str(audit), "--json")

    assert ended.status == ExitCode.OK
    told = json.loads(ended.out)
    assert (told["intact"], told["lines"], told["first"], told["last"], told["head"]) == (
        *(True, 5, 1, 5, 5),
    )


@proves("S215", "refuses", "audit chain")
def test_a_changed_line_is_named_and_the_exit_code_is_not_zero(
    doorward: Command, audit: Path
) -> None:
    audit.write_text(audit.read_text().replace('"time":2.0', '"time":9.0'))
    ended = doorward("audit", "verify", str(audit))

    assert ended.status == ExitCode.REFUSED
    assert "audit.jsonl:3: the line was changed" in ended.out
    assert "has 1 problem." in ended.err


def test_a_copied_head_file_reveals_truncation(
    doorward: Command, audit: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "elsewhere" / "kept.head"
    kept.parent.mkdir()
    shutil.copy(audit.with_name("audit.jsonl.head"), kept)
    audit.write_bytes(b"".join(audit.read_bytes().splitlines(keepends=True)[:3]))
    audit.with_name("audit.jsonl.head").unlink()

    without = doorward("audit", "verify", str(audit))
    against = doorward("audit", "verify", str(audit), "--head", str(kept))

    assert without.status == ExitCode.OK
    assert "no head file" in without.err
    assert against.status == ExitCode.REFUSED
    assert "2 missing" in against.out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nowhere.jsonl"], "no-audit-file"),
        (["audit.jsonl", "--head", "audit.jsonl"], "no-audit-head"),
    ],
)
def test_missing_files_are_a_usage_error(
    doorward: Command, audit: Path, words: list[str], reason: str
) -> None:
    there = [str(audit.parent / word) if word.endswith("jsonl") else word for word in words]
    ended = doorward("audit", "verify", *there)

    assert ended.status == ExitCode.USAGE
    assert reason in ended.err
