"""What step 11 needs and does not teach: printed requests, the file of clients, the process."""

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx2

from doorward.client.mcp.messages import MODERN, build_headers, build_request, encode
from doorward.client.refusals import ClientRefused
from doorward.client.sign_in.browser import open_browser
from doorward.errors import DoorwardError
from doorward.wire.oauth.challenge import MalformedChallenge, parse_challenges

__all__ = [
    "CREDENTIALS",
    "Hops",
    "Wire",
    "browse",
    "challenge_of",
    "clients_kept",
    "keep_client",
    "port_kept",
    "run",
]

CREDENTIALS = Path("client_credentials.json")
SECRET = frozenset({"code", "state", "code_verifier", "code_challenge", "session_state"})
_OF_INTEREST = re.compile(r'(error|scope|resource_metadata)="([^"]*)"')
_CLIENT = {"name": "mcp-step-by-step", "version": "11.0"}


class Hops:
    """Numbers and prints what goes over the wire; `say` gets the lines."""

    def __init__(self, say: Callable[[str], object] = print) -> None:
        self._say = say
        self._count = 0

    async def __call__(self, response: httpx2.Response) -> None:
        """Print one request and the status of its answer; for `event_hooks`."""
        request = response.request
        what = [request.headers.get(name, "") for name in ("mcp-method", "mcp-name")]
        self._hop(request.method, str(request.url), *what, "→", str(response.status_code))
        if request.headers.get("content-type") == "application/x-www-form-urlencoded":
            self._values(dict(parse_qsl(request.content.decode())))
        self._values(dict(_OF_INTEREST.findall(response.headers.get("www-authenticate", ""))))

    def browser_goes(self, url: str) -> None:
        """Print where the browser is sent. What it does there, this process does not see."""
        place, _, query = url.partition("?")
        self._hop("browser", place)
        self._values(dict(parse_qsl(query)))

    def browser_came(self, answer: Mapping[str, str]) -> None:
        """Print what the browser brought back."""
        self._hop("browser", "came back")
        self._values(answer)

    def _hop(self, *parts: str) -> None:
        self._count += 1
        self._say(f"{self._count:>3}  " + " ".join(part for part in parts if part))

    def _values(self, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            self._say(f"       {name}: {value[:6] + '…' if name in SECRET else value}")


class Wire:
    """HTTP, every exchange of which is printed."""

    def __init__(self, hops: Hops, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self.hops = hops
        # No redirect is followed: where it leads, nobody has checked.
        self.http = httpx2.AsyncClient(
            transport=transport, event_hooks={"response": [hops]}, trust_env=False, timeout=30
        )

    async def message(
        self, server: str, token: str, method: str, params: Mapping[str, Any]
    ) -> httpx2.Response:
        """Send one MCP request, with the token if there is one."""
        body = build_request(1, method, params, version=MODERN, client=_CLIENT, capabilities={})
        headers = build_headers(body, version=MODERN)
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return await self.http.post(server, content=encode(body), headers=headers)


def browse(url: str) -> None:
    """Open `url` in a browser. Without one, print it for its user, and say that the client waits."""
    if open_browser(url):
        return
    sys.stdout.flush()
    print(
        f"No browser could be opened. Open this URL in a browser on this machine:\n\n{url}\n\n"
        "Waiting for the sign-in, at most five minutes.",
        file=sys.stderr,
        flush=True,
    )


def challenge_of(response: httpx2.Response) -> Mapping[str, str]:
    """Return what the server's `Bearer` challenge says; nothing, where there is none."""
    try:
        challenges = parse_challenges(response.headers.get("www-authenticate", ""))
    except MalformedChallenge:
        return {}
    return next((one.params for one in challenges if one.scheme == "bearer"), {})


def clients_kept() -> dict[str, dict[str, str]]:
    """Return the clients that were registered before, by the issuer that registered them."""
    try:
        kept: dict[str, dict[str, str]] = json.loads(CREDENTIALS.read_text())
    except (OSError, ValueError):
        return {}
    return kept


def port_kept(issuer: str) -> int:
    """Return the port that a client was registered with; 0, for any, when there is none."""
    kept = clients_kept().get(issuer, {}).get("redirect_uri", ":0/")
    return int(kept.rpartition(":")[2].partition("/")[0])


def keep_client(issuer: str, client_id: str, redirect_uri: str) -> None:
    """Keep a registered client for the next run."""
    client = {"client_id": client_id, "redirect_uri": redirect_uri}
    CREDENTIALS.write_text(json.dumps({**clients_kept(), issuer: client}, indent=2) + "\n")


def run(
    work: Callable[[argparse.Namespace, Wire], Awaitable[Any]], argv: Sequence[str] | None = None
) -> None:
    """Do `work` for the command line and print what it returns, or end with one sentence."""
    parser = argparse.ArgumentParser(description=(work.__doc__ or "").strip())
    parser.add_argument("--server", default="http://localhost:9000/mcp")
    parser.add_argument("--tool", default="echo", help="the tool to call (default: echo)")
    parser.add_argument("--prompt", help="the prompt to get instead of calling a tool")
    parser.add_argument("arguments", nargs="*", help="its arguments, as name=value")
    parser.add_argument("--client-document", help="the https address of this client's description")
    parser.add_argument("--toolkit", action="store_true", help="let doorward.client do it")
    options = parser.parse_args(argv)
    says_hello = options.tool == "echo" and not options.prompt
    given = options.arguments or (["message=hello"] if says_hello else [])
    options.arguments = dict(one.partition("=")[::2] for one in given)
    try:
        print(json.dumps(asyncio.run(_work(work, options)), indent=2))
    except ClientRefused as problem:
        raise SystemExit(f"{problem.problem} {problem.hint}".rstrip()) from None
    except (DoorwardError, httpx2.HTTPError, KeyError, ValueError) as problem:
        raise SystemExit(
            f"{options.server}: {problem}. Is it an MCP server, and running?"
        ) from None


async def _work(
    work: Callable[[argparse.Namespace, Wire], Awaitable[Any]], options: argparse.Namespace
) -> Any:
    wire = Wire(Hops())
    async with wire.http:
        return await work(options, wire)
