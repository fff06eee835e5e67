"""Where two strings differ that should be equal."""

from urllib.parse import urlsplit


def difference(got: str, expected: str) -> str:
    """
    Return in a few words how ``got`` differs from ``expected``; empty if it does not.

    The commonest differences of URLs have names: a slash, the scheme, the case, the port, the host.
    """
    if got == expected:
        return ""
    if got.rstrip("/") == expected.rstrip("/"):
        longer = "the first" if len(got) > len(expected) else "the second"
        return f"only {longer} ends with a slash"
    if got.lower() == expected.lower():
        return "upper and lower case differ"
    return _by_part(got, expected) or _by_character(got, expected)


def _by_part(got: str, expected: str) -> str:
    try:
        one, other = urlsplit(got), urlsplit(expected)
        ports = one.port, other.port
    except ValueError:
        return ""
    if not (one.netloc and other.netloc):
        return ""
    if one[1:] == other[1:]:
        return f"the scheme is {one.scheme}, expected {other.scheme}"
    if one.hostname != other.hostname:
        return f"the host is {one.hostname}, expected {other.hostname}"
    if ports[0] != ports[1]:
        return f"the port is {ports[0] or 'the default'}, expected {ports[1] or 'the default'}"
    if one.path != other.path:
        return f"the path is {one.path or 'empty'}, expected {other.path or 'none'}"
    return ""


def _by_character(got: str, expected: str) -> str:
    at = next(
        (
            number
            for number, pair in enumerate(zip(got, expected, strict=False))
            if pair[0] != pair[1]
        ),
        min(len(got), len(expected)),
    )
    return f"from character {at + 1} on: {got[at : at + 20]!r}, expected {expected[at : at + 20]!r}"
