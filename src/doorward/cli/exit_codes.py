"""What the command's exit status says; stable, so that scripts may branch on it."""

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
    ExitCode.REFUSED: "the server understood and refused",
    ExitCode.USAGE: "the command line or the settings must change",
    ExitCode.SIGN_IN: "a sign-in is needed, or failed",
    ExitCode.UNREACHABLE: "nobody answered, or not in time",
    ExitCode.TOOL: "the tool ran and reported an error",
    ExitCode.UNUSABLE: "the server's answers cannot be used or trusted",
    ExitCode.INTERRUPTED: "interrupted",
}
"""The statuses in words, as ``doorward --help`` shows them."""
