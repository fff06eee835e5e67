"""The hops that the client of step 11 printed, as a test saw it print them."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from docs.making.sequence import Hop

SERVER, PROVIDER = "MCP server", "Authorization server"
CLIENT, BROWSER = "MCP client", "Browser"
# So that no arrow crosses a party that has nothing to do with it.
SIDE_BY_SIDE = (SERVER, CLIENT, BROWSER, PROVIDER)
REQUEST = re.compile(r"^ *\d+  (GET|POST) (http://localhost:(\d+)\S*)(.*?) → (\d+)$")
TO_BROWSER = re.compile(r"^ *\d+  browser (http\S+)$")
FROM_BROWSER = re.compile(r"^ *\d+  browser came back$")
MCP_PORT = "9000"
REALM = "/realms/mcp-realm"


def printed_hops(page: Path) -> list[Hop]:
    """
    Return the hops of the first session on the page.

    Raises:
        ValueError: there are none.
    """
    session = page.read_text("utf-8").partition("```console\n")[2].partition("```")[0]
    hops = [hop for line in session.splitlines() for hop in _hops(line)]
    if not hops:
        raise ValueError(f"{page.name} shows no hops")
    return hops


def _hops(line: str) -> Iterator[Hop]:
    if found := REQUEST.match(line):
        method, url, port, what, status = found.groups()
        asked = SERVER if port == MCP_PORT else PROVIDER
        yield Hop(CLIENT, asked, f"{method} {_short(url)}{what}")
        yield Hop(asked, CLIENT, status, answer=True, refused=int(status) >= 400)
    elif found := TO_BROWSER.match(line):
        yield Hop(CLIENT, BROWSER, "open the sign-in page")
        yield Hop(BROWSER, PROVIDER, f"sign in at {_short(found[1])}")
    elif FROM_BROWSER.match(line):
        yield Hop(PROVIDER, BROWSER, "back to the client, with a code", answer=True)
        yield Hop(BROWSER, CLIENT, "code, state, iss")


def _short(url: str) -> str:
    # The realm's path is the same each time, and a drawing is as wide as a phone.
    return urlsplit(url).path.replace(REALM, "…")
