"""The routes of one Keycloak realm, with every metadata path that clients try."""

import re

from doorward.errors import ConfigurationError
from doorward.gateway.routes import Route, require_origin

_REALM = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~-]{1,255}")
_DOCUMENTS = ("oauth-authorization-server", "openid-configuration")


def issuer_of(origin: str, realm: str) -> str:
    """
    Return the issuer of ``realm`` at ``origin``.

    Raises:
        ConfigurationError: ``not-a-realm``, ``not-an-origin``.
    """
    if not _REALM.fullmatch(realm):
        raise ConfigurationError(
            "not-a-realm",
            f"{realm!r} is not the name of a realm.",
            "Give the name as Keycloak's console shows it, such as mcp-realm.",
        )
    return f"{require_origin(origin)}/realms/{realm}"


def realm_routes(*, public: str, keycloak: str, realm: str) -> tuple[Route, ...]:
    """
    Return the routes from ``public`` to one realm of the Keycloak at the origin ``keycloak``.

    ```python
    login = "https://login.example"
    routes = realm_routes(public=login, keycloak="http://localhost:8080", realm="mcp")
    app = Gateway(public=login, routes=routes)
    ```

    They cover the realm, the static files of its pages, and its metadata at every path that clients
    try: at the root, with the realm's path inserted, and below the realm. The console, the other
    realms and the management interface have no route.

    Raises:
        ConfigurationError: ``not-a-realm``, ``not-an-origin``.

    Spec: RFC 8414 §3.1, §5; OpenID Connect Discovery §4
    """
    issuer = issuer_of(public, realm)
    below = f"/realms/{realm}"
    documents = [
        Route(path=path, upstream=keycloak, target=appended, cors="any-origin", issuer=issuer)
        for document in _DOCUMENTS
        for appended in (f"{below}/.well-known/{document}",)
        for path in (f"/.well-known/{document}", f"/.well-known/{document}{below}", appended)
    ]
    return (
        *documents,
        Route(path=f"{below}/", upstream=keycloak),
        Route(path="/resources/", upstream=keycloak),
    )
