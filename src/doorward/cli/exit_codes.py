"""The exit statuses of the command; stable, so that scripts can branch on them."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Every status that ``doorward`` ends with."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    SIGN_IN = 3
    UNREACHABLE = 4
    TOOL = 5
    UNUSABLE = 6
    INTERRUPTED = 130


MEANING: dict[ExitCode, str] = {
    ExitCode.OK: "done",
    ExitCode.REFUSED: "the server refused the request",
    ExitCode.USAGE: "the command line or a setting is wrong",
    ExitCode.SIGN_IN: "a sign-in is needed, or failed",
    ExitCode.UNREACHABLE: "the server did not answer in time",
    ExitCode.TOOL: "the tool reported an error",
    ExitCode.UNUSABLE: "the server's response is invalid or not trusted",
    ExitCode.INTERRUPTED: "interrupted",
}
"""The meaning of each status, for ``doorward --help``."""
