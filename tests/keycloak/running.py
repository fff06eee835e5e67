"""A real Keycloak with the tutorial's realm, as tests use it."""

import json
import secrets
import time
from pathlib import Path
from typing import Any

import httpx2

from keycloak import realm, server
from tests.e2e.processes import free_port

RESOURCE = realm.RESOURCE
ALL_SCOPES = "openid profile email mcp:read mcp:tools mcp:prompts"
PASSWORDS = {"mcp-admin": "admin123", "mcp-user": "user123", "mcp-readonly": "readonly123"}
_KEY_PROVIDERS = "org.keycloak.keys.KeyProvider"


class RunningKeycloak:
    """One Keycloak on a free port. ``stop`` and ``start_again`` keep its database and its keys."""

    def __init__(self, folder: Path, mcp_server: realm.McpServer | None = None) -> None:
        # With a password of its own, its database is not kept for later starts.
        password = None if mcp_server is None else secrets.token_urlsafe(18)
        self.server = server.KeycloakServer(
            folder, port=free_port(), mcp_server=mcp_server, admin_password=password
        )
        self.http = httpx2.Client(timeout=60)
        self._bearer = ""
        self._bearer_until = 0.0
        self.server.start()

    @property
    def url(self) -> str:
        """Its address."""
        return self.server.url

    @property
    def issuer(self) -> str:
        """The issuer of realm mcp-realm."""
        return self.server.issuer

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self.server.port

    @property
    def token_endpoint(self) -> str:
        """Where the realm gives tokens."""
        return f"{self.issuer}/protocol/openid-connect/token"

    @property
    def jwks_uri(self) -> str:
        """Where the realm publishes its keys."""
        return f"{self.issuer}/protocol/openid-connect/certs"

    def stop(self) -> None:
        """Stop it; what it knows stays on disk."""
        self.server.stop()
        self._bearer_until = 0.0

    def start_again(self) -> None:
        """Start it on the same port with the same keys, users and clients."""
        self.server.start()

    def ensure_started(self) -> None:
        """Start it if it does not run: whatever a test did to it, the next one finds it there."""
        if not self.server.is_running:
            self.server.start()

    def close(self) -> None:
        """Stop it for good."""
        self.server.stop()
        self.http.close()

    def token(self, username: str = "mcp-admin", scope: str = ALL_SCOPES) -> str:
        """Return an access token of one of the three users, from mcp-test-client."""
        return str(self.password_grant(username, PASSWORDS[username], scope)["access_token"])

    def password_grant(
        self, username: str, password: str, scope: str = ALL_SCOPES, **more: str
    ) -> dict[str, Any]:
        """Return the whole token answer for a user's password."""
        return self.grant(
            grant_type="password", username=username, password=password, scope=scope,
            **({"client_id": "mcp-test-client"} | more),
        )  # fmt: skip

    def service_grant(self, scope: str = "mcp:read mcp:tools") -> dict[str, Any]:
        """Return the whole token answer for mcp-service, by client credentials."""
        return self.grant(
            grant_type="client_credentials", client_id="mcp-service",
            client_secret="mcp-service-secret", scope=scope,
        )  # fmt: skip

    def grant(self, **form: str) -> dict[str, Any]:
        """Return the token endpoint's answer to that form, which must be a good one."""
        answer = self.http.post(self.token_endpoint, data=form)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def admin(self, method: str, path: str, body: object = None, *, of: str = realm.NAME) -> Any:
        """Ask the admin API; ``path`` is below the realm ``of``. Gives the parsed answer."""
        return self._ask_admin(method, f"/{of}{path}", body)

    def create_realm(self, settings: dict[str, Any]) -> None:
        """Make another realm, with Keycloak's defaults for what ``settings`` leaves out."""
        self._ask_admin("POST", "", settings)

    def _ask_admin(self, method: str, path: str, body: object) -> Any:
        answer = self.http.request(
            method,
            f"{self.url}/admin/realms{path}",
            headers={"authorization": f"Bearer {self._admin_token()}"},
            json=body,
        )
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return json.loads(answer.content) if answer.content else None

    def client_ids(self, of: str = realm.NAME) -> set[str]:
        """Return the client_id of every client of a realm."""
        return {one["clientId"] for one in self.admin("GET", "/clients?max=1000", of=of)}

    def rotate_keys(self, *, withdraw_old: bool = False) -> str:
        """
        Make a new signing key and sign with it from now on; return its ``kid``.

        The old ones stay in the key set for tokens that are out, unless they are withdrawn.
        """
        before = self.admin("GET", f"/components?type={_KEY_PROVIDERS}")
        self.admin(
            "POST",
            "/components",
            {
                "name": f"rotated-{time.time_ns()}",
                "providerId": "rsa-generated",
                "providerType": _KEY_PROVIDERS,
                "config": {"priority": [str(time.time_ns() // 10**9)], "algorithm": ["RS256"]},
            },
        )
        if withdraw_old:
            for one in before:
                if one["providerId"] == "rsa-generated":
                    self.admin("DELETE", f"/components/{one['id']}")
        return str(self.admin("GET", "/keys")["active"]["RS256"])

    def accept_audience(self, resource: str) -> None:
        """From now on, let tokens name ``resource`` in ``aud`` as well."""
        for scope in self.admin("GET", "/client-scopes"):
            mappers = scope.get("protocolMappers", ())
            if any("included.custom.audience" in one["config"] for one in mappers):
                self._name_in_audience(f"/client-scopes/{scope['id']}", resource)

    def _name_in_audience(self, scope: str, resource: str) -> None:
        mappers = f"{scope}/protocol-mappers/models"
        if any(one["name"] == resource for one in self.admin("GET", mappers)):
            return
        self.admin(
            "POST",
            mappers,
            {
                "name": resource,
                "protocol": "openid-connect",
                "protocolMapper": "oidc-audience-mapper",
                "config": {"included.custom.audience": resource, "access.token.claim": "true"},
            },
        )

    def _admin_token(self) -> str:
        if time.monotonic() >= self._bearer_until:
            answer = self.http.post(
                f"{self.url}/realms/master/protocol/openid-connect/token",
                data={
                    "grant_type": "password", "client_id": "admin-cli",
                    "username": server.ADMIN, "password": self.server.admin_password,
                },
            )  # fmt: skip
            assert answer.status_code == 200, answer.text
            self._bearer = answer.json()["access_token"]
            self._bearer_until = time.monotonic() + 30
        return self._bearer
