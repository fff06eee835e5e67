"""Which products take part, as far as they say so: providers, proxies and server libraries."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from doorward.doctor.evidence.exchange import Exchange

# By what a header contains. Names are those of ``Finding.fixes``.
_BY_SERVER = {
    "nginx": "nginx",
    "openresty": "nginx",
    "cloudflare": "cloudflare",
    "caddy": "caddy",
    "apache": "apache",
    "envoy": "envoy",
    "awselb": "aws",
    "cloudfront": "aws",
    "uvicorn": "uvicorn",
    "hypercorn": "uvicorn",
    "traefik": "traefik",
    "vercel": "vercel",
    "google frontend": "google-cloud",
}
PROXIES = frozenset(
    {"nginx", "cloudflare", "caddy", "apache", "envoy", "aws", "traefik", "vercel", "google-cloud"}
)
_BY_HOST = {
    "login.microsoftonline.com": "entra",
    "accounts.google.com": "google",
    "amazoncognito.com": "cognito",
    "auth0.com": "auth0",
    "okta.com": "okta",
    "oktapreview.com": "okta",
    "asgardeo.io": "asgardeo",
    "cloudflareaccess.com": "cloudflare-access",
    "clerk.accounts.dev": "clerk",
    "workos.com": "workos",
    "authkit.app": "workos",
    "descope.com": "descope",
    "stytch.com": "stytch",
    "supabase.co": "supabase",
    "zitadel.cloud": "zitadel",
}
TITLES = {
    "apache": "Apache HTTP Server",
    "auth0": "Auth0",
    "aws": "AWS",
    "caddy": "Caddy",
    "cloudflare": "Cloudflare",
    "cloudflare-access": "Cloudflare Access",
    "cognito": "Amazon Cognito",
    "entra": "Microsoft Entra ID",
    "envoy": "Envoy",
    "fastmcp": "FastMCP",
    "google": "Google",
    "keycloak": "Keycloak",
    "nginx": "nginx",
    "oauth2-proxy": "oauth2-proxy",
    "okta": "Okta",
    "traefik": "Traefik",
    "uvicorn": "Starlette, FastAPI and the Python SDK",
}
"""How the products that have a fix of their own are called."""


def parties(exchanges: Iterable[Exchange], issuers: Iterable[str]) -> frozenset[str]:
    """Return the names of the products that answered, or that were named as issuers."""
    found: set[str] = set()
    for one in exchanges:
        found |= _of_headers(one.headers)
    for issuer in issuers:
        found |= _of_issuer(issuer)
    return frozenset(found)


def _of_headers(headers: Mapping[str, str]) -> set[str]:
    server = f"{headers.get('server', '')} {headers.get('via', '')}".lower()
    found = {name for word, name in _BY_SERVER.items() if word in server}
    if "cf-ray" in headers:
        found.add("cloudflare")
    if "cloudflareaccess.com" in headers.get("location", ""):
        found.add("cloudflare-access")
    return found


def _of_issuer(issuer: str) -> set[str]:
    try:
        parts = urlsplit(issuer)
    except ValueError:
        return set()
    host = (parts.hostname or "").lower()
    found = {name for end, name in _BY_HOST.items() if host == end or host.endswith("." + end)}
    if host.startswith("cognito-idp."):
        found.add("cognito")
    # No other provider has this path.
    if "/realms/" in parts.path:
        found.add("keycloak")
    return found


def is_behind_proxy(found: frozenset[str], exchange: Exchange) -> bool:
    """Return whether something in front of the server has shown itself."""
    signs = (
        "via",
        "cf-ray",
        "x-served-by",
        "x-cache",
        "x-amz-cf-id",
        "x-envoy-upstream-service-time",
    )
    return bool(found & PROXIES) or any(name in exchange.headers for name in signs)
