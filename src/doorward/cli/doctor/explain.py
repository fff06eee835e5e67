"""``doorward doctor --explain``: what a finding means, or the list of all findings."""

from dataclasses import asdict

from doorward.cli.output import Output
from doorward.cli.problems import UsageProblem
from doorward.cli.running import fail
from doorward.doctor.findings.catalog import FINDINGS
from doorward.doctor.report.explanation import explain, explanation_text, list_text


def print_explanation(output: Output, code: str) -> None:
    """
    Print the explanation of the finding ``code``, or the list if it is empty.

    Raises:
        typer.Exit: there is no such finding; the error with reason ``unknown-finding`` is printed.
    """
    if code and code not in FINDINGS:
        fail(
            output,
            UsageProblem(
                "unknown-finding",
                f"{code!r} is no finding of the doctor.",
                "List the findings with: doorward doctor --explain",
            ),
        )
    chosen = [FINDINGS[code]] if code else list(FINDINGS.values())
    if output.as_json:
        output.document({"findings": [asdict(explain(one)) for one in chosen]})
    else:
        output.text(explanation_text(explain(chosen[0])) if code else list_text())
