"""Step 11: the client. It finds the provider by itself, and signs its user in there.

Adds: the other side. A call without a token gets 401. The client reads the server's metadata, then
the provider's, gets a client id, opens the browser, exchanges the code for a token and calls again.
A 403 starts this once more, for more scopes. Run it beside step 10: `uv run step11`.

From the toolkit: `doorward.client.connect` does all of this, and more; `--toolkit` calls it.

Closes what step 10 left open. A client uses a client ID metadata document where the provider
supports it, and registers only where not. A client id is kept under the issuer that gave it. A
response from another issuer than the one that was asked is dropped before its code is read.
"""

import argparse
import asyncio
import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from doorward.client import ClientConfig, connect
from doorward.client.mcp.messages import result_of
from doorward.client.refusals import DiscoveryFailed, SignInFailed
from doorward.client.sign_in.listener import Listener
from doorward.wire.oauth import pkce, resource_metadata, server_metadata
from doorward.wire.oauth.resource_metadata import ResourceMetadata
from doorward.wire.oauth.server_metadata import ServerMetadata
from mcp_http.hops import Wire, browse, challenge_of, clients_kept, keep_client, port_kept, run


# The idea of this step: the client remembers which provider it asked, and accepts no other answer.
def judged(provider: ServerMetadata, state: str, answer: Mapping[str, str]) -> str:
    """Return the code in the answer that the browser brought, if it is the response to our request."""
    if not hmac.compare_digest(answer.get("state", "").encode(), state.encode()):
        raise SignInFailed("state-mismatch", "This response is not for our request.", "")
    promised = provider.authorization_response_iss_parameter_supported
    if answer.get("iss", None if promised else provider.issuer) != provider.issuer:
        raise SignInFailed("issuer-mismatch", "The answer comes from another issuer.", "")
    if "code" not in answer:
        raise SignInFailed("denied", f"The provider says: {answer.get('error')}.", "")
    return answer["code"]


class Client:
    """A client of one MCP server. `document` is the https address of its description, if it has one."""

    def __init__(
        self,
        server: str,
        wire: Wire,
        document: str | None = None,
        browser: Callable[[str], object] = browse,
    ) -> None:
        self.token, self.scopes = "", set[str]()
        self._server, self._wire, self._document = server, wire, document
        self._browser = browser

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Return a result; a 401 and a 403 that more scopes would mend send the user to sign in."""
        answer = await self._wire.message(self._server, self.token, method, params)
        # Once for a token, and once for more scopes. A third time would be a loop.
        for _ in range(2):
            challenge = challenge_of(answer)
            if answer.status_code != 401 and challenge.get("error") != "insufficient_scope":
                break
            await self.sign_in(challenge)
            answer = await self._wire.message(self._server, self.token, method, params)
        return result_of(answer.json())

    async def sign_in(self, challenge: Mapping[str, str]) -> None:
        """Get a token for what the challenge asks for, and for what was granted before."""
        http, hops = self._wire.http, self._wire.hops
        described = await http.get(challenge["resource_metadata"])
        # It must speak of the very server that was called, or the token would be another one's.
        resource = resource_metadata.parse(described.content, self._server)
        provider = await self._discover(resource.authorization_servers[0])
        self.scopes |= set(challenge.get("scope", "").split())
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(32)
        async with await Listener.open(port_kept(provider.issuer)) as listener:
            about = {
                "client_id": await self._identify(provider, resource, listener.redirect_uri),
                "redirect_uri": listener.redirect_uri,
                "resource": self._server,
            }
            asked = {
                "response_type": "code",
                "scope": " ".join(sorted(self.scopes)),
                "state": state,
                # Whoever steals the code on its way back lacks the verifier behind this.
                "code_challenge_method": "S256",
                "code_challenge": pkce.challenge_of(verifier),
            }
            url = f"{provider.authorization_endpoint}?{urlencode(asked | about)}"
            hops.browser_goes(url)
            listener.expect(state)
            await asyncio.to_thread(self._browser, url)
            answer = await listener.answer(state, timeout=300)
        hops.browser_came(answer)
        code = judged(provider, state, answer)
        grant = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        given = (await http.post(provider.token_endpoint, data=grant | about)).json()
        if "access_token" not in given:
            raise SignInFailed("no-token", f"The provider says: {given.get('error')}.", "")
        self.token = given["access_token"]

    async def _discover(self, issuer: str) -> ServerMetadata:
        for url in server_metadata.metadata_urls(issuer):
            found = await self._wire.http.get(url)
            if found.status_code == 200:
                # Refuses the document of another issuer, and a provider that offers no PKCE.
                return server_metadata.parse(found.json(), issuer)
        raise DiscoveryFailed("no-metadata", f"{issuer} does not say how to sign in.", "")

    async def _identify(
        self, provider: ServerMetadata, resource: ResourceMetadata, redirect_uri: str
    ) -> str:
        # An address of one's own cannot be claimed by others; a registered name can.
        if self._document and provider.client_id_metadata_document_supported:
            return self._document
        # Of this issuer alone: shown to another one, the id would be that one's to use.
        kept = clients_kept().get(provider.issuer, {})
        if kept.get("redirect_uri") == redirect_uri:
            return kept["client_id"]
        if provider.registration_endpoint is None:
            raise SignInFailed("no-registration", f"{provider.issuer} registers nobody.", "")
        wish = {
            "client_name": "MCP step by step",
            "redirect_uris": [redirect_uri],
            "application_type": "native",
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
            "scope": " ".join(resource.scopes_supported or ()),
        }
        answer = (await self._wire.http.post(provider.registration_endpoint, json=wish)).json()
        if "client_id" not in answer:
            said = answer.get("error_description") or answer.get("error")
            raise SignInFailed("not-registered", f"The provider says: {said}.", "")
        keep_client(provider.issuer, answer["client_id"], redirect_uri)
        return str(answer["client_id"])


async def call(options: argparse.Namespace, wire: Wire) -> dict[str, Any]:
    """Step 11: a client that signs its user in and calls a tool, or gets a prompt."""
    method = "prompts/get" if options.prompt else "tools/call"
    params = {"name": options.prompt or options.tool, "arguments": options.arguments}
    if options.toolkit:
        config = ClientConfig(document=options.client_document)
        async with connect(options.server, client_config=config, browser=browse) as client:
            return dict(await client.request(method, params))
    return await Client(options.server, wire, options.client_document).ask(method, **params)


def main() -> None:
    """Run this step: `uv run step11`."""
    run(call)
