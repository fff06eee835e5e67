"""The exit status of each expected error, and how the error is printed."""

from typing import Any

from doorward.cli.exit_codes import ExitCode
from doorward.cli.output import Output
from doorward.client.refusals import (
    CallFailed,
    ClientRefused,
    DiscoveryFailed,
    InsufficientScope,
    ProtocolBroken,
    ServerRefused,
    SignInFailed,
    Unreachable,
    UntrustedCertificate,
)
from doorward.errors import ConfigurationError, DoorwardError, Unavailable


class UsageProblem(ConfigurationError):
    """The command line is wrong."""


class ToolProblem(DoorwardError):
    """The tool ran and reported an error; ``text`` is its message."""

    code = "tool-error"

    def __init__(self, tool: str, text: str) -> None:
        super().__init__(f"{self.code}: {tool}")
        self.tool = tool
        self.text = text


# The first matching class decides, so subclasses come before their base class.
_STATUS: tuple[tuple[type[DoorwardError], ExitCode], ...] = (
    (ConfigurationError, ExitCode.USAGE),
    (ToolProblem, ExitCode.TOOL),
    (UntrustedCertificate, ExitCode.UNUSABLE),
    (Unreachable, ExitCode.UNREACHABLE),
    (Unavailable, ExitCode.UNREACHABLE),
    (SignInFailed, ExitCode.SIGN_IN),
    (ServerRefused, ExitCode.REFUSED),
    (CallFailed, ExitCode.REFUSED),
    (DiscoveryFailed, ExitCode.UNUSABLE),
    (ProtocolBroken, ExitCode.UNUSABLE),
    (DoorwardError, ExitCode.UNUSABLE),
)
# Reasons that concern the URL on the command line.
_TYPED = frozenset({"not-a-server-url", "insecure-server-url"})


def status_of(error: DoorwardError) -> ExitCode:
    """Return the exit status for ``error``."""
    if isinstance(error, ClientRefused) and error.reason in _TYPED:
        return ExitCode.USAGE
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def show(error: DoorwardError, output: Output) -> ExitCode:
    """Print ``error`` as text or JSON; return the exit status."""
    status = status_of(error)
    reason, problem, hint = _told(error)
    output.problem(problem, hint, reason)
    if output.as_json:
        told: dict[str, Any] = {"code": reason, "message": problem, "exit_status": int(status)}
        if hint:
            told["hint"] = hint
        if isinstance(error, InsufficientScope):
            told["scopes"] = sorted(error.scopes)
        if isinstance(error, CallFailed):
            told["json_rpc"] = {"code": error.number, "message": error.message, "data": error.data}
        output.document({"error": told})
    return status


def _told(error: DoorwardError) -> tuple[str, str, str]:
    if isinstance(error, ClientRefused | ConfigurationError):
        return error.reason, error.problem, error.hint
    if isinstance(error, ToolProblem):
        return error.code, f"The tool {error.tool!r} failed: {error.text}", ""
    if isinstance(error, Unavailable):
        return error.code, f"{error.public} ({error.detail})", error.hint
    return error.code, str(error), ""
