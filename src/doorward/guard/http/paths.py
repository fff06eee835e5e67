"""Which path is the endpoint, and which paths only look as if they were not."""

import re
from typing import Literal
from urllib.parse import unquote, urlsplit

from doorward.errors import ConfigurationError
from doorward.wire.oauth.resource_metadata import WELL_KNOWN
from doorward.wire.unicode_form import normalized

_ENDS_A_SEGMENT = re.compile(r"[;?#\0]")

Place = Literal["endpoint", "metadata", "below", "well-known", "ambiguous", "elsewhere"]


class EndpointPaths:
    """
    The paths of one protected endpoint.

    ``resource`` gives the public path; ``path`` is the one this process sees, when a proxy in
    front takes a prefix away. ``/mcp`` and ``/mcp/`` are the same endpoint.
    """

    def __init__(self, resource: str, path: str | None) -> None:
        public = urlsplit(resource).path or "/"
        self.endpoint = public if path is None else path
        if not self.endpoint.startswith("/") or _folded(self.endpoint) != _bare(self.endpoint):
            raise ConfigurationError(
                "not-a-path",
                f"{self.endpoint!r} is not a plain path.",
                "Give a path such as /mcp, without encoding, dots or doubled slashes.",
            )
        bare = _bare(self.endpoint)
        self._bare = bare
        self._below = bare + "/" if bare else "/"
        self._endpoint = {where: where.encode() for where in {bare, bare + "/"} - {""}}
        own = {_bare(public), bare, ""}
        self._metadata = {WELL_KNOWN + where for where in own}
        self._metadata |= {WELL_KNOWN + where + "/" for where in own}
        self._metadata |= {bare + WELL_KNOWN}
        # uvicorn --root-path puts the prefix that a proxy takes away in front of every path.
        prefixes = [_bare(public)[:at] for at, letter in enumerate(public) if letter == "/" and at]
        self._metadata |= {prefix + WELL_KNOWN + _bare(public) for prefix in prefixes}

    def place(self, path: str, raw_path: bytes | None) -> Place:
        """
        Return what ``path`` is. ``path`` is decoded, ``raw_path`` as it came.

        Everything whose meaning depends on who reads it is ambiguous: a router behind the guard
        may resolve ``//mcp``, ``/x/../mcp`` or ``/mcp;v=1`` to the endpoint.
        """
        if (plain := self._endpoint.get(path)) is not None:
            if raw_path is None or raw_path == plain:
                return "endpoint"
            # "/%6dcp" is the endpoint to us and something else to a proxy with a list of paths.
            return "endpoint" if raw_path.partition(b"?")[0] == plain else "ambiguous"
        if path in self._metadata:
            return "metadata"
        if path.startswith(WELL_KNOWN):
            return "well-known"
        if self._bare and path.startswith(self._below) and _folded(path) == _bare(path):
            return "below"
        folded = {_folded(path), _folded(unquote((raw_path or b"").decode("latin-1")))}
        # "http://mcp.example/mcp" comes as a path from servers that keep a target in absolute form.
        if not path.startswith("/") or any(self._is_ours(one) for one in folded):
            return "ambiguous"
        return "elsewhere"

    def _is_ours(self, folded: str) -> bool:
        own = _alike(self._bare)
        if not own:
            return folded == ""
        lowered = _alike(folded)
        return lowered == own or lowered.startswith(own + "/")


def _alike(path: str) -> str:
    return normalized("NFKC", path).casefold()


def _bare(path: str) -> str:
    return path.rstrip("/")


def _folded(path: str) -> str:
    """Return the path as the most forgiving reader would take it."""
    for _ in range(3):
        path = unquote(path)
    kept: list[str] = []
    for segment in path.replace("\\", "/").split("/"):
        # A "?" or "#" that was encoded, or that a server left in the path, ends it for many readers.
        name = _ENDS_A_SEGMENT.split(segment)[0].strip()
        if name == "..":
            del kept[-1:]
        elif name not in ("", "."):
            kept.append(name)
    return "".join("/" + name for name in kept)
