"""``doorward why``: one policy decision, explained step by step."""

import asyncio
import json
import sys
from typing import Annotated, Any

import typer

from doorward.cli.client.tool_arguments import parse_arguments
from doorward.cli.exit_codes import ExitCode
from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.cli.policy.target import load
from doorward.cli.problems import UsageProblem
from doorward.cli.running import fail
from doorward.errors import DoorwardError, MalformedToken, RequestRefused
from doorward.identity import Identity
from doorward.integrations.effective_policy import effective_policy_of
from doorward.jose.compact import MalformedJws, read_object, split_jws
from doorward.policy import Operation, Rule
from doorward.policy.why import explain
from doorward.tokens import RFC9068
from doorward.tokens.api_keys.key import PREFIX
from doorward.tokens.jwt.identity_from_claims import read_identity

EPILOG = examples(
    "doorward why alice refund --at shop.main:guard --scopes mcp:read,refunds --roles clerk",
    "doorward why - refund --at shop.main:guard < token.txt",
    "doorward why alice refund --at doorward.toml --argument amount=200",
    "doorward why nightly-job refund --at shop.main:guard --kind service --scopes refunds",
)

LONGEST_TOKEN = 64 * 1024


def why(
    user: Annotated[
        str,
        typer.Argument(
            metavar="USER", help='The caller\'s name, or "-" to read a token from stdin.'
        ),
    ],
    name: Annotated[str, typer.Argument(metavar="TOOL", help="The tool, prompt or resource.")],
    at: Annotated[
        str,
        typer.Option(
            metavar="MODULE:NAME",
            help="An MCP server, an ASGI application or a Guard, such as shop.main:app; or a"
            " configuration file, such as doorward.toml.",
        ),
    ],
    scopes: Annotated[str, typer.Option(help="The caller's scopes, separated by commas.")] = "",
    roles: Annotated[str, typer.Option(help="The caller's roles, separated by commas.")] = "",
    kind: Annotated[
        str, typer.Option(help="The kind of caller: person, service or key.")
    ] = "person",
    method: Annotated[
        str, typer.Option(help="The MCP method: tools/call, prompts/get or resources/read.")
    ] = "tools/call",
    argument: Annotated[
        list[str] | None,
        typer.Option(
            help="An argument of the call, as name=value or name:=JSON; give one option for each."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Explain why a caller may or may not use a tool.

    "-" reads an access token from stdin: other processes can read a command line. A Guard verifies
    the token; without a Guard, its claims are used unverified. Exits with status 0 if the caller
    may, and 1 if not.
    """

    output = Output(as_json=as_json)
    try:
        policy, verifier = effective_policy_of(load(at))
        if user == "-":
            caller = _from_token(output, verifier)
        else:
            caller = _described(user, scopes, roles, kind)
        operation = Operation(method, name)
        told = explain(policy, caller, operation, _arguments(policy, operation, argument))
    except RequestRefused as refusal:
        _print_refusal(output, refusal)
        raise typer.Exit(ExitCode.REFUSED) from None
    except DoorwardError as error:
        fail(output, error)
        return
    _print(output, caller.name or caller.subject, f"{method} {name}", told)
    if not told.decision.allowed:
        raise typer.Exit(ExitCode.REFUSED)


def _described(user: str, scopes: str, roles: str, kind: str) -> Any:

    if len(user) > 60 and (user.count(".") >= 2 or user.startswith(PREFIX)):
        raise UsageProblem(
            "token-in-arguments",
            "USER looks like a token, and other processes can read a command line.",
            'Give "-" as USER, and the token on stdin.',
        )
    (known,) = Rule(kinds=[kind]).kinds  # type: ignore[list-item]  # refuses what is no kind
    return Identity(
        issuer="",
        subject=user,
        client_id=None,
        scopes=_words(scopes),
        roles=_words(roles),
        expires_at=0,
        kind=known,
    )


def _arguments(policy: Any, operation: Operation, words: list[str] | None) -> Any:
    """Return the arguments in ``words``, read by the types that the rule's conditions name."""
    if words is None:
        return None
    needs = policy.requirement(operation)
    schemas = [json.loads(one.arguments.text) for one in needs.conditions] if needs else []
    return parse_arguments(words, {"properties": {k: v for one in schemas for k, v in one.items()}})


def _words(text: str) -> frozenset[str]:
    return frozenset(text.replace(",", " ").split())


def _from_token(output: Output, verifier: Any) -> Any:

    token = sys.stdin.buffer.read(LONGEST_TOKEN).strip()
    if verifier is not None:
        return asyncio.run(_verified(verifier, token))
    output.note("token not verified: --at names no Guard")
    try:
        parts = split_jws(token)
        claims = {"iss": "", "exp": 0, **read_object(parts.payload)}
    except MalformedJws as error:
        raise MalformedToken(str(error)) from None
    return read_identity(claims, RFC9068, parts.payload)


async def _verified(verifier: Any, token: bytes) -> Any:
    try:
        await verifier.start()
        return await verifier.verify(token)
    finally:
        await verifier.aclose()


def _print_refusal(output: Output, refusal: Any) -> None:
    """Print that the token is refused, so that no rule was checked."""
    if output.as_json:
        output.document({"allowed": False, "reason": refusal.code, "steps": []})
        return
    output.text(f"{refusal.public} ({refusal.code})")
    output.note(refusal.detail)


def _print(output: Output, who: str, what: str, told: Any) -> None:
    decision = told.decision
    if output.as_json:
        output.document(
            {
                "allowed": decision.allowed,
                "reason": decision.reason,
                "who": who,
                "operation": what,
                "scopes": sorted(decision.scopes),
                "steps": [
                    {
                        "question": step.question,
                        "wanted": step.wanted,
                        "found": step.found,
                        "passed": step.passed,
                    }
                    for step in told.steps
                ],
            }
        )
        return
    marks = {True: "yes", False: "NO", None: "-"}
    output.rows(
        ("", "QUESTION", "WANTED", "FOUND"),
        [(marks[step.passed], step.question, step.wanted, step.found) for step in told.steps],
    )
    verdict = "may" if decision.allowed else "may not"
    output.text(f"{who} {verdict} {what} ({decision.reason})")
    if answer := _answer(decision):
        output.note(answer)


def _answer(decision: Any) -> str:
    """Return the HTTP response for the decision, in words."""
    if decision.reason == "scope-missing":
        scopes = " ".join(sorted(decision.scopes))
        return f'response: 403 insufficient_scope with scope="{scopes}"; a client may request it'
    if decision.reason in ("kind-not-allowed", "role-missing"):
        return "response: 403 without an error code; no scope would change that"
    if decision.reason == "argument-refused":
        return f"response: 403 without an error code. {decision.expected}"
    if decision.allowed and decision.conditions:
        return "a call with other arguments can be refused"
    if decision.reason == "unknown-operation":
        return "response: no such tool, prompt or resource"
    return ""
