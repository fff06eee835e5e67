"""``doorward doctor``: examines anybody's MCP server from outside."""

from pathlib import Path
from typing import Annotated

import typer

from doorward.cli.exit_codes import ExitCode
from doorward.cli.options import AsJson, ServerUrl, examples
from doorward.cli.output import Output
from doorward.cli.problems import UsageProblem
from doorward.cli.running import run
from doorward.doctor.findings.finding import Blame
from doorward.doctor.hops.ladder import LADDER
from doorward.doctor.probe.budget import Budget
from doorward.doctor.probe.network import Network
from doorward.doctor.probe.plan import Plan
from doorward.doctor.probe.probe import Probe
from doorward.doctor.report.as_json import as_json as json_of
from doorward.doctor.report.as_junit import as_junit
from doorward.doctor.report.as_text import as_text
from doorward.doctor.report.report import Report, build_report
from doorward.doctor.walk import Examination, examine
from doorward.idp.clients import CLIENTS

EPILOG = examples(
    "doorward doctor https://mcp.example/mcp",
    'doorward doctor https://mcp.example/mcp --saw "Authorization with the MCP server failed"',
    "doorward doctor https://mcp.example/mcp --as inspector",
    "doorward doctor https://mcp.example/mcp --json > report.json",
)
CLIENT_NAMES = tuple(one.name for one in CLIENTS if one.connection is not None)
EXIT_BY_BLAME = {
    Blame.SERVER: ExitCode.DOCTOR_SERVER,
    Blame.PROXY: ExitCode.DOCTOR_PROXY,
    Blame.ISSUER: ExitCode.DOCTOR_ISSUER,
    Blame.CLIENT: ExitCode.DOCTOR_CLIENT,
    Blame.CONFIGURATION: ExitCode.DOCTOR_CONFIGURATION,
    Blame.UNSURE: ExitCode.DOCTOR_UNSURE,
}


def doctor(
    url: ServerUrl,
    persona: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="CLIENT",
            help=f"Ask as this client does: {', '.join(CLIENT_NAMES)}.",
        ),
    ] = "",
    saw: Annotated[
        list[str] | None,
        typer.Option(
            "--saw",
            metavar="TEXT",
            help="What the client or its log said; may be given several times.",
        ),
    ] = None,
    client_id: Annotated[
        str | None,
        typer.Option("--client-id", metavar="ID", help="Test this client of yours at the issuer."),
    ] = None,
    scope: Annotated[
        str | None, typer.Option("--scope", help="Ask for these scopes instead of the server's.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Also write a JUnit file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Find out which hop of a sign-in fails, why, and who must act.

    Works with any MCP server and any provider. Walks from the name to the
    issuer as an MCP client does, with at most 100 requests in 60 seconds, and
    leaves nothing behind. The report has no secrets, so you can paste it into
    an issue.
    """
    output = Output(as_json=as_json)
    if persona and persona not in CLIENT_NAMES:
        raise UsageProblem(
            "unknown-client",
            f"{persona!r} is no known client.",
            f"Known: {', '.join(CLIENT_NAMES)}.",
        )
    plan = Plan(persona=persona, client_id=client_id, scope=scope)
    reports: list[Report] = []
    run(output, lambda: _examine(output, url, plan, tuple(saw or ()), junit, reports))
    if blame := reports[0].blame:
        raise typer.Exit(int(EXIT_BY_BLAME[blame]))


async def _examine(
    output: Output,
    url: str,
    plan: Plan,
    saw: tuple[str, ...],
    junit: Path | None,
    reports: list[Report],
) -> None:
    probe = Probe(url, Network(), Budget(), plan)
    try:
        found = await examine(
            probe, url, saw=saw, progress=lambda hop: output.note(f"{hop.title}: {hop.waiting}")
        )
    finally:
        await probe.aclose()
    reports.append(_print(output, probe, found, junit))


def _print(output: Output, probe: Probe, found: Examination, junit: Path | None) -> Report:
    report = build_report(
        found.evidence, found.reached, found.diagnoses, LADDER, probe.redactor, found.left_behind
    )
    if junit is not None:
        junit.write_text(as_junit(report), encoding="utf-8")
    if output.as_json:
        output.document(json_of(report, found.evidence.exchanges))
    else:
        output.text(as_text(report))
    return report
