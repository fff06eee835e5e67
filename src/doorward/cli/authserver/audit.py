"""``doorward audit``: the audit file of ``doorward serve``."""

from pathlib import Path
from typing import Annotated

import typer

from doorward.cli.exit_codes import ExitCode
from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.cli.running import fail
from doorward.errors import ConfigurationError
from doorward.operations.audit_chain import Head, Verification
from doorward.operations.audit_chain import verify as verify_chain
from doorward.operations.audit_file import files_of, read_head

EPILOG = examples(
    "doorward audit verify audit.jsonl",
    "doorward audit verify copy.jsonl --head audit.jsonl.head --json",
)


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The audit file.")],
    head: Annotated[
        Path | None,
        typer.Option(help="The head file; by default the one beside FILE.", dir_okay=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Check the hash chain of an audit file and of the rotated files beside it.

    Says which lines were changed, removed, inserted or moved. A removed beginning or end shows only
    against the head file. Who can write all of these files can also compute a new chain: keep a
    copy of the head on another machine. Exits with status 1 if there is a problem.
    """
    output = Output(as_json=as_json)
    try:
        files, known = _files(file), _head(file, head)
        found = verify_chain(files, known)
    except OSError as error:
        problem = ConfigurationError(
            "unreadable-audit-file",
            f"The audit file {file} cannot be read: {error.strerror}.",
            "Run the command as the account that writes it.",
        )
        fail(output, problem)
        return
    except ConfigurationError as error:
        fail(output, error)
        return
    _print(output, found, files, known)
    if found.problems:
        raise typer.Exit(ExitCode.REFUSED)


def _files(file: Path) -> list[Path]:
    if found := files_of(file):
        return found
    raise ConfigurationError(
        "no-audit-file",
        f"There is no audit file {file}.",
        "Name the file of audit.file in the configuration.",
    )


def _head(file: Path, given: Path | None) -> Head | None:
    if given is None:
        return read_head(file)
    # The name of the file that the head belongs to, or of any copy of the head.
    found = read_head(given.with_suffix("")) if given.suffix == ".head" else None
    if found is None:
        raise ConfigurationError(
            "no-audit-head",
            f"{given} is not the head of an audit file.",
            "Name a copy of the file that ends in .head.",
        )
    return found


def _print(output: Output, found: Verification, files: list[Path], head: Head | None) -> None:
    if output.as_json:
        output.document(
            {
                "intact": not found.problems,
                "files": [str(one) for one in files],
                "lines": found.lines,
                "first": found.first,
                "last": found.last.sequence,
                "head": None if head is None else head.sequence,
                "problems": found.problems,
            }
        )
        return
    for problem in found.problems:
        output.text(problem)
    if head is None:
        output.note("There is no head file, so a removed beginning or end cannot be seen.")
    count = len(found.problems)
    verdict = "is intact" if not count else f"has {count} problem{'s' if count > 1 else ''}"
    output.note(f"The chain of {found.lines} lines in {len(files)} files {verdict}.")
