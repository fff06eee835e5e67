"""``doorward doctor``: examines anybody's MCP server from outside."""

from pathlib import Path

import typer

from doorward.cli.client.service_options import SecretFile
from doorward.cli.doctor.explain import print_explanation
from doorward.cli.doctor.options import (
    ClientId,
    ConfigFile,
    Device,
    DoctorOptions,
    Explain,
    Issuer,
    Junit,
    Paste,
    Patient,
    Persona,
    Port,
    Register,
    Saw,
    Scope,
    SignIn,
    TokenFile,
    UrlOrCode,
)
from doorward.cli.exit_codes import ExitCode
from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.cli.problems import UsageProblem
from doorward.cli.running import fail, run
from doorward.doctor.evidence.inside import InsideView
from doorward.doctor.findings.finding import Blame
from doorward.doctor.hops.ladder import LADDER
from doorward.doctor.inside import inside_of_file
from doorward.doctor.probe.budget import Budget
from doorward.doctor.probe.network import Network
from doorward.doctor.probe.plan import Plan
from doorward.doctor.probe.probe import Probe
from doorward.doctor.report.as_json import as_json as json_of
from doorward.doctor.report.as_junit import as_junit
from doorward.doctor.report.as_text import as_text
from doorward.doctor.report.report import Report, build_report
from doorward.doctor.running_process import with_attempts
from doorward.doctor.walk import Examination, examine
from doorward.errors import ConfigurationError

EPILOG = examples(
    "doorward doctor https://mcp.example/mcp",
    'doorward doctor https://mcp.example/mcp --saw "Authorization with the MCP server failed"',
    "doorward doctor https://mcp.example/mcp --as claude --sign-in --register",
    "doorward doctor https://mcp.example/mcp --token-file token.txt",
    "doorward doctor https://mcp.example/mcp --json > report.json",
    "doorward doctor --config doorward.toml",
    "doorward doctor --explain challenge-missing",
)
EXIT_BY_BLAME = {
    Blame.SERVER: ExitCode.DOCTOR_SERVER,
    Blame.PROXY: ExitCode.DOCTOR_PROXY,
    Blame.ISSUER: ExitCode.DOCTOR_ISSUER,
    Blame.CLIENT: ExitCode.DOCTOR_CLIENT,
    Blame.CONFIGURATION: ExitCode.DOCTOR_CONFIGURATION,
    Blame.UNSURE: ExitCode.DOCTOR_UNSURE,
}


def doctor(
    url: UrlOrCode = "",
    config: ConfigFile = None,
    persona: Persona = "",
    saw: Saw = None,
    sign_in: SignIn = False,
    paste: Paste = False,
    device: Device = False,
    register: Register = False,
    token_file: TokenFile = None,
    client_id: ClientId = None,
    client_secret_file: SecretFile = None,
    issuer: Issuer = None,
    scope: Scope = None,
    port: Port = 0,
    patient: Patient = False,
    junit: Junit = None,
    explain: Explain = False,
    as_json: AsJson = False,
) -> None:
    """
    Find out which hop of a sign-in fails, why, and who must act.

    Works with any MCP server and any provider. Walks from the name to the authorization request as an
    MCP client does, with at most 100 requests in 60 seconds. With "--sign-in", it also examines the
    token, the first calls and the refresh; it calls no tool.

    A sign-in needs a client of yours, or "--register". The doctor deletes the client that it
    registers, and revokes the tokens; it names what an issuer cannot delete. The report has no
    secrets: you can paste it into an issue. The exit status says who must act. With "--explain",
    it examines nothing, and prints what a finding means.
    """
    output = Output(as_json=as_json)
    if explain:
        print_explanation(output, url)
        raise typer.Exit
    inside = None
    if config is not None:
        try:
            url, inside = inside_of_file(config, url)
        except ConfigurationError as error:
            fail(output, error)
    if not url:
        fail(
            output,
            UsageProblem(
                "no-server-url",
                "The URL of the server is missing.",
                "Give it behind the verb, such as: doorward doctor https://mcp.example/mcp",
            ),
        )
    plan = DoctorOptions(
        persona=persona,
        sign_in=sign_in,
        paste=paste,
        device=device,
        register=register,
        token_file=token_file,
        client_id=client_id,
        secret_file=client_secret_file,
        issuer=issuer,
        scope=scope,
        port=port,
        patient=patient,
    ).plan(output)
    reports: list[Report] = []
    run(
        output,
        lambda: _examine(output, url, plan, tuple(saw or ()), junit, (config, inside), reports),
    )
    if blame := reports[0].blame:
        raise typer.Exit(int(EXIT_BY_BLAME[blame]))


async def _examine(
    output: Output,
    url: str,
    plan: Plan,
    saw: tuple[str, ...],
    junit: Path | None,
    from_inside: tuple[Path | None, InsideView | None],
    reports: list[Report],
) -> None:
    probe = Probe(url, Network(), Budget(), plan)
    config, inside = from_inside
    if config is not None and inside is not None:
        inside = await with_attempts(inside, config)
    try:
        found = await examine(
            probe,
            url,
            saw=saw,
            progress=lambda hop: output.note(f"{hop.title}: {hop.waiting}"),
            inside=inside,
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
