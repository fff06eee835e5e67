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
    DOCTOR_SERVER = 10
    DOCTOR_PROXY = 11
    DOCTOR_ISSUER = 12
    DOCTOR_CLIENT = 13
    DOCTOR_CONFIGURATION = 14
    DOCTOR_UNSURE = 15
    INTERRUPTED = 130


MEANING: dict[ExitCode, str] = {
    ExitCode.OK: "done",
    ExitCode.REFUSED: "the server refused the request",
    ExitCode.USAGE: "the command line or a setting is wrong",
    ExitCode.SIGN_IN: "a sign-in is needed, or failed",
    ExitCode.UNREACHABLE: "the server did not answer in time",
    ExitCode.TOOL: "the tool reported an error",
    ExitCode.UNUSABLE: "the server's response is invalid or not trusted",
    ExitCode.DOCTOR_SERVER: "doctor: the MCP server must change",
    ExitCode.DOCTOR_PROXY: "doctor: the proxy in front of the server must change",
    ExitCode.DOCTOR_ISSUER: "doctor: the issuer must change",
    ExitCode.DOCTOR_CLIENT: "doctor: the client is at fault",
    ExitCode.DOCTOR_CONFIGURATION: "doctor: a URL, a name or a client's setting is wrong",
    ExitCode.DOCTOR_UNSURE: "doctor: something fails, and the report says what would decide why",
    ExitCode.INTERRUPTED: "interrupted",
}
"""The meaning of each status, for ``doorward --help``."""
