"""``doorward why``: one decision, explained step by step."""

import sys
from typing import Annotated, Any

import typer

from doorward.cli.exit_codes import ExitCode
from doorward.cli.options import AsJson, examples

EPILOG = examples(
    "doorward why alice refund --at shop.main:guard --scopes mcp:read,refunds --roles clerk",
    "doorward why - refund --at shop.main:guard < token.txt",
    "doorward why nightly-job refund --at shop.main:guard --kind service --scopes refunds",
)

LONGEST_TOKEN = 64 * 1024


def why(
    user: Annotated[
        str,
        typer.Argument(
            metavar="USER", help='Who is asking: a name to go with the options, or "-" for a token.'
        ),
    ],
    name: Annotated[str, typer.Argument(metavar="TOOL", help="What for: a tool's name.")],
    at: Annotated[
        str,
        typer.Option(
            metavar="MODULE:NAME",
            help="A server, its application or its Guard, such as shop.main:app.",
        ),
    ],
    scopes: Annotated[str, typer.Option(help="What the caller holds, separated by commas.")] = "",
    roles: Annotated[str, typer.Option(help="The caller's roles, separated by commas.")] = "",
    kind: Annotated[str, typer.Option(help="person, service or key.")] = "person",
    method: Annotated[
        str, typer.Option(help="What is done with it: tools/call, prompts/get, resources/read.")
    ] = "tools/call",
    as_json: AsJson = False,
) -> None:
    """
    Explain why a caller may or may not use a tool.

    "-" reads an access token from standard input, never from the command line, where every other
    process could read it. A guard verifies it first; without a guard, what it says is believed.
    Ends with status 0 when the caller may, and with 1 when not.
    """
    from doorward.cli.output import Output
    from doorward.cli.running import fail
    from doorward.cli.server.target import load
    from doorward.errors import DoorwardError, RequestRefused
    from doorward.integrations.effective_policy import deciding
    from doorward.policy import Operation
    from doorward.policy.why import explain

    output = Output(as_json=as_json)
    try:
        policy, verifier = deciding(load(at))
        if user == "-":
            caller = _from_token(output, verifier)
        else:
            caller = _described(user, scopes, roles, kind)
        told = explain(policy, caller, Operation(method, name))
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
    from doorward.cli.problems import UsageProblem
    from doorward.identity import Identity
    from doorward.policy import Rule
    from doorward.tokens.api_keys.key import PREFIX

    if len(user) > 60 and (user.count(".") >= 2 or user.startswith(PREFIX)):
        raise UsageProblem(
            "token-in-arguments",
            "USER looks like a token, and every process on this machine can read a command line.",
            'Give "-" and the token on standard input.',
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


def _words(text: str) -> frozenset[str]:
    return frozenset(text.replace(",", " ").split())


def _from_token(output: Any, verifier: Any) -> Any:
    import asyncio

    from doorward.jose.compact import NotCompact, read_object, split
    from doorward.tokens import RFC9068
    from doorward.tokens.jwt.identity_from_claims import read_identity

    token = sys.stdin.buffer.read(LONGEST_TOKEN).strip()
    if verifier is not None:
        return asyncio.run(_verified(verifier, token))
    output.note("not verified: only a guard knows whose tokens it trusts")
    try:
        parts = split(token)
        claims = {"iss": "", "exp": 0, **read_object(parts.payload)}
    except NotCompact as error:
        from doorward.errors import MalformedToken

        raise MalformedToken(str(error)) from None
    return read_identity(claims, RFC9068, parts.payload)


async def _verified(verifier: Any, token: bytes) -> Any:
    try:
        await verifier.start()
        return await verifier.verify(token)
    finally:
        await verifier.aclose()


def _print_refusal(output: Any, refusal: Any) -> None:
    """Say that the token itself is refused, so that no rule was asked."""
    if output.as_json:
        output.document({"allowed": False, "reason": refusal.code, "steps": []})
        return
    output.text(f"{refusal.public} ({refusal.code})")
    output.note(refusal.detail)


def _print(output: Any, who: str, what: str, told: Any) -> None:
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
    """Return what a client is told, in words."""
    if decision.reason == "scope-missing":
        scopes = " ".join(sorted(decision.scopes))
        return (
            f'the answer is 403 insufficient_scope with scope="{scopes}": a client may ask for it'
        )
    if decision.reason in ("kind-not-allowed", "role-missing"):
        return "the answer is 403 without an error code: no scope that a client can ask for helps"
    if decision.reason == "unknown-operation":
        return "the answer is that there is no such thing here"
    return ""
