"""Step 10: users sign in at a real identity provider, and the server fetches its keys.

Adds: Keycloak, or any other provider, by `--env`. The server finds the keys through the provider's
metadata. It fetches them again when they are old or when a token names an unknown key, and keeps
them for a while when the provider is down. A stolen key is useless once the provider has withdrawn
it.

From the toolkit: `UserContext` writes what step 9 wrote by hand, and `find` knows the tokens of each
provider. `Guard(idp="keycloak", issuer=…)` fetches keys like these by itself.

Still suffers: its clients. Anyone can register a client under any name, and a client with two
providers can send the code of one to the other. Step 11 prevents this.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from doorward import Guard, McpServer, Policy, Rule, TrustedIssuer
from doorward.errors import DoorwardError, KeysUnavailable, UnknownKey
from doorward.guard.http.user_context import UserContext
from doorward.jose.key_set import KeySet
from doorward.jose.public_key import Key
from doorward.net import Fetcher
from doorward.wire.asgi import ASGIApp
from doorward.wire.oauth.resource_metadata import metadata_url
from doorward.wire.oauth.server_metadata import metadata_urls, parse_jwks_uri
from doorward.wire.strict_json import parse_object
from mcp_http.provider import Provider, fetcher_of, run
from mcp_http.stage import SCOPES, new_app
from mcp_http.tools import TOOLS, explain, greet_user, whoami

TOOL, PROMPT, MEMBERS = {"mcp:tools"}, {"mcp:prompts"}, {"admin", "user"}
FRESH, STALE = 300.0, 3600.0  # seconds that keys are used; and that they serve in an outage
QUESTIONS, WINDOW = 3, 30.0  # so many questions to the provider in so many seconds, and no more


# The idea of this step: keys that a provider can rotate, or fail to deliver.
class ProviderKeys:
    """The keys of one issuer, fetched when they are needed and one question at a time."""

    def __init__(
        self, issuer: str, fetcher: Fetcher, clock: Callable[[], float] = time.time
    ) -> None:
        self.generation = 0
        self.trusted_until = self._stale_until = float("-inf")
        self._asked = deque([float("-inf")] * QUESTIONS, QUESTIONS)
        self._away = True
        self._issuer, self._fetcher, self._clock = issuer, fetcher, clock
        self._keys, self._document = KeySet({"keys": []}), b""
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Fetch the keys ahead of the first token; what fails here is tried again with the first."""
        await self._refresh()

    def known(self, kid: str | None, algorithm: str) -> Key | None:
        """Return a key that is at hand and fresh."""
        fresh = self._clock() < self.trusted_until
        return self._keys.find(kid, algorithm) if fresh else None

    async def key(self, kid: str | None, algorithm: str) -> Key:
        """
        Return the key, asking the provider if need be.

        Raises:
            UnknownKey: 401, the provider was asked and has no such key.
            KeysUnavailable: 503, the provider cannot be asked: nobody can say whose fault it is.
        """
        async with self._turn:
            # Whoever waited here finds what the first has fetched: a thousand tokens, one question.
            if (found := self.known(kid, algorithm)) is not None:
                return found
            # Whoever invents names of keys causes a few questions in a while, and no more.
            if self._clock() - self._asked[0] >= WINDOW:
                self._asked.append(self._clock())
                await self._refresh()
        # The provider being away is no reason to turn away whom it vouched for; but not for ever,
        # or a key that was withdrawn meanwhile would never stop.
        if self._clock() < self._stale_until and (found := self._keys.find(kid, algorithm)):
            return found
        if self._away:
            raise KeysUnavailable(f"the keys of {self._issuer} cannot be had")
        raise UnknownKey(f"kid={kid!r}, have {sorted(self._keys.kids)}")

    async def _refresh(self) -> None:
        try:
            document = await self._fetch()
            keys = KeySet(parse_object(document))
        except (DoorwardError, ValueError):
            self._away = True
            return
        now, self._away = self._clock(), False
        self.trusted_until, self._stale_until = now + FRESH, now + FRESH + STALE
        if document != self._document:
            # What was verified with a key that is gone is forgotten with it.
            self.generation += 1
        self._keys, self._document = keys, document

    async def _fetch(self) -> bytes:
        problem: DoorwardError = KeysUnavailable("no metadata")
        for url in metadata_urls(self._issuer):
            try:
                metadata = await self._fetcher.fetch(url, limit=64 * 1024)
                jwks_uri = parse_jwks_uri(parse_object(metadata.body), self._issuer)
                return (await self._fetcher.fetch(jwks_uri, limit=256 * 1024)).body
            except DoorwardError as error:
                problem = error
        raise problem


def create_app(provider: Provider) -> ASGIApp:
    """Step 10: a real provider signs people in. `--env` names the file that says which one."""
    resource = f"{provider.address}/mcp"
    oauth = {"resource": resource, "resource_metadata": metadata_url(resource)}
    oauth["issuer"] = provider.issuer
    server = McpServer("mcp-step-by-step", version="10.0", meta={"mcp-step-by-step/oauth": oauth})
    for tool in (*TOOLS.values(), whoami):
        server.tool(scopes=TOOL, roles=MEMBERS)(tool)
    server.prompt(scopes=PROMPT, roles=MEMBERS, name="greeting")(greet_user)
    server.prompt(scopes=PROMPT, roles=MEMBERS, name="help")(explain)
    policy = Policy(base=Rule(scopes={"mcp:read"}), rules=server.rules)
    server.decide = lambda user, wanted: user is not None and policy.decide(user, wanted).allowed

    # What `Guard(idp="keycloak", issuer=…)` puts together by itself, but for the keys.
    trusted = TrustedIssuer(
        issuer=provider.issuer,
        audience=provider.audience,
        algorithms=provider.algorithms,
        profile=provider.profile,
        keys=ProviderKeys(provider.issuer, fetcher_of(provider.issuer)),
    )
    guard = Guard(
        resource=resource,
        issuers=[trusted],
        policy=policy,
        scopes_supported=SCOPES,
        # Asked for reading alone, a client would sign its user in and show that there is nothing.
        challenge_scopes={"mcp:read", "mcp:tools"},
        open_paths={"/health"},
    )
    web = new_app("MCP step by step: 10", step="10", address=provider.address, oauth=oauth)
    member = "mcp-step-by-step/user"
    return guard.protect(UserContext(server.in_front_of(web), member=member))


def main() -> None:
    """Serve this step: `uv run step10 --env keycloak_direct.env`."""
    run(create_app)
