"""Where a reader acts on a reason code or a finding: a page, and the class with the setting."""

import re
from functools import cache

from docs.making.public_names import PublicName, every_name
from docs.making.reference_pages import place_of

# The longest prefix of a file of the package decides.
_GUIDES = {
    "": ("Protect a server", "protect.md"),
    "authserver/": ("The authorization server", "authorization-server.md"),
    "authserver/clients/": ("Pre-registered clients", "clients.md"),
    "authserver/provider_tokens/": ("Tokens of the provider", "provider-tokens.md"),
    "authserver/upstream/": ("Sign-in", "sign-in.md"),
    "cli/": ("Command line", "cli.md"),
    "client/": ("Call a server", "client.md"),
    "config/": ("Configuration file", "serve.md"),
    "doctor/": ("Doctor", "doctor.md"),
    "downstream/": ("The next server", "downstream.md"),
    "embedded/": ("Sign-in", "sign-in.md"),
    "gateway/": ("Gateway", "gateway.md"),
    "idp/": ("Identity providers", "providers.md"),
    "mcp_server/": ("A new server", "start/nothing-yet.md"),
    "operations/": ("Operations", "operations.md"),
    "policy/": ("Who can do what", "policy.md"),
    "pytest_plugin": ("Test your server", "testing.md"),
    "serving/": ("Deployment", "deployment.md"),
    "testing/": ("Test your server", "testing.md"),
    "tokens/api_keys/": ("API keys", "services.md"),
    "tokens/opaque/": ("Opaque tokens", "services.md"),
}
_HOPS = {
    "resolution": (("Deployment", "deployment.md"), None),
    "connection": (("Deployment", "deployment.md"), None),
    "endpoint": (("Protect a server", "protect.md"), "doorward.guard.Guard"),
    "challenge": (("Protect a server", "protect.md"), "doorward.guard.Guard"),
    "resource-metadata": (("Protect a server", "protect.md"), "doorward.guard.Guard"),
    "issuer": (("Identity providers", "providers.md"), "doorward.tokens.TrustedIssuer"),
    "edge": (("Deployment", "deployment.md"), None),
    "cors": (("Gateway", "gateway.md"), "doorward.gateway.Gateway"),
    "keys": (("Identity providers", "providers.md"), "doorward.tokens.TrustedIssuer"),
    "registration": (("Pre-registered clients", "clients.md"), "doorward.client.ClientConfig"),
    "authorize": (("Sign-in", "sign-in.md"), "doorward.authserver.AuthServerSettings"),
    "sign-in": (("Sign-in", "sign-in.md"), "doorward.authserver.IdentityProvider"),
    "token": (
        ("The authorization server", "authorization-server.md"),
        "doorward.authserver.AuthServerSettings",
    ),
    "token-contents": (("Identity providers", "providers.md"), "doorward.tokens.TrustedIssuer"),
    "calls": (("Who can do what", "policy.md"), "doorward.policy.Policy"),
    "step-up": (("Who can do what", "policy.md"), "doorward.policy.Rule"),
    "refresh": (
        ("The authorization server", "authorization-server.md"),
        "doorward.authserver.Lifetimes",
    ),
    "expiry": (
        ("The authorization server", "authorization-server.md"),
        "doorward.authserver.Lifetimes",
    ),
}
_CODE = re.compile(r"``([a-z0-9]+(?:-[a-z0-9]+)+)``")


def of_reason(code: str, file: str, kind: type) -> str:
    """Return links for a reason code that ``file`` of the package raises with the class ``kind``."""
    guide = _link(*_GUIDES[max((one for one in _GUIDES if file.startswith(one)), key=len)])
    promised = _promised().get(code) or _defined().get((kind.__module__, kind.__name__))
    return guide if promised is None else f"{guide}, {_to_reference(promised)}"


def of_hop(hop: str) -> str:
    """Return links for the findings of a hop, from a page in ``docs/findings``."""
    guide, path = _HOPS[hop]
    found = _link(*guide, up="../")
    if path is None:
        return found
    name = next(one for one in every_name() if one.path == path)
    return f"{found}, {_to_reference(name, up='../')}"


def _link(title: str, place: str, up: str = "") -> str:
    return f"[{title}]({up}{place})"


def _to_reference(name: PublicName, up: str = "") -> str:
    return f"[`{name.name}`]({up}{place_of(name)})"


@cache
def _promised() -> dict[str, PublicName]:
    """Return, by reason code, the public name whose docstring says that it raises it."""
    found: dict[str, PublicName] = {}
    for name in every_name():
        for text in (one.text.partition("Raises:")[2] for one in name.docstrings):
            for code in _CODE.findall(text):
                found.setdefault(code, name)
    return found


@cache
def _defined() -> dict[tuple[str, str], PublicName]:
    return {(one.defined_in, one.name): one for one in every_name()}
