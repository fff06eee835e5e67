"""``doorward check``: tests a configuration file without serving it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from doorward.cli.exit_codes import ExitCode
from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.cli.plain_text import line
from doorward.cli.running import run
from doorward.config.checks.check import check_file
from doorward.config.checks.findings import Finding
from doorward.config.reading.schema import schema_text

EPILOG = examples(
    "doorward check doorward.toml",
    "doorward check --schema > doorward.schema.json",
)
_MARKS = {"ok": "ok      ", "warning": "warning ", "failed": "FAILED  "}


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The configuration file.")] = Path(
        "doorward.toml"
    ),
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the file, for editors.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Test a configuration file without serving it.

    Tests the settings, secrets, database, addresses, MCP servers, issuers,
    identity providers and the clock. It changes nothing. Ends with status 2
    if a test failed; warnings are no failure.
    """

    output = Output(as_json=as_json)
    if schema:
        output.text(schema_text().rstrip())
        return
    found: list[Finding] = []
    run(output, lambda: _collect(file, output, found))
    failures = sum(one.status == "failed" for one in found)
    if as_json:
        output.document({"failed": failures, "findings": [asdict(one) for one in found]})
    else:
        output.text(_summary(failures, found))
    if failures:
        raise typer.Exit(ExitCode.USAGE)


async def _collect(file: Path, output: Output, found: list[Finding]) -> None:
    async for one in check_file(file):
        found.append(one)
        if not output.as_json:
            output.text(f"{_MARKS[one.status]}{line(one.setting)}: {line(one.sentence, None)}")
            if one.hint:
                output.text(f"        {line(one.hint, None)}")


def _summary(failures: int, found: list[Finding]) -> str:
    warnings = sum(one.status == "warning" for one in found)
    passed = len(found) - failures - warnings
    return f"{passed} passed, {warnings} warnings, {failures} failed."
