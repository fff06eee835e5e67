"""A realm as ``docs/keycloak.md`` says to set it up, click by click, through the admin API."""

from collections.abc import Mapping

from tests.keycloak.running import RunningKeycloak

_POLICIES = "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy"
PASSWORD = "a-password-of-this-realm"


def set_up(
    keycloak: RunningKeycloak, name: str, resource: str, scopes: Mapping[str, str | None]
) -> str:
    """
    Make realm ``name`` for the server at ``resource``, and return its issuer.

    ``scopes`` has the role that each scope requires, if any.
    """
    keycloak.create_realm({"realm": name, "enabled": True, "sslRequired": "external"})
    for scope, role in scopes.items():
        _add_scope(keycloak, name, resource, scope, role)
    _open_registration(keycloak, name, list(scopes))
    return f"{keycloak.url}/realms/{name}"


def add_user(keycloak: RunningKeycloak, realm: str, username: str, *roles: str) -> None:
    """Add somebody with those realm roles, who has never signed in."""
    keycloak.admin(
        "POST",
        "/users",
        {
            "username": username, "email": f"{username}@example.com", "emailVerified": True,
            "firstName": "Una", "lastName": "Example", "enabled": True,
            "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
        },
        of=realm,
    )  # fmt: skip
    give_roles(keycloak, realm, username, *roles)


def give_roles(keycloak: RunningKeycloak, realm: str, username: str, *roles: str) -> None:
    """Assign realm roles to a user."""
    (found,) = keycloak.admin("GET", f"/users?username={username}&exact=true", of=realm)
    _assign(keycloak, realm, f"/users/{found['id']}/role-mappings/realm", *roles)


def _assign(keycloak: RunningKeycloak, realm: str, to: str, *roles: str) -> None:
    named = [keycloak.admin("GET", f"/roles/{role}", of=realm) for role in roles]
    keycloak.admin("POST", to, named, of=realm)


def _add_scope(
    keycloak: RunningKeycloak, realm: str, resource: str, scope: str, role: str | None
) -> None:
    # Steps 1 to 3: the scope, the audience, the roles.
    mappers = [
        {
            "name": "audience", "protocol": "openid-connect",
            "protocolMapper": "oidc-audience-mapper",
            "config": {"included.custom.audience": resource, "access.token.claim": "true"},
        },
        {
            "name": "roles", "protocol": "openid-connect",
            "protocolMapper": "oidc-usermodel-realm-role-mapper",
            "config": {
                "claim.name": "realm_access.roles", "multivalued": "true",
                "jsonType.label": "String", "access.token.claim": "true",
            },
        },
    ]  # fmt: skip
    keycloak.admin(
        "POST",
        "/client-scopes",
        {
            "name": scope, "protocol": "openid-connect", "protocolMappers": mappers,
            "attributes": {"display.on.consent.screen": "true", "include.in.token.scope": "true"},
        },
        of=realm,
    )  # fmt: skip
    found = keycloak.admin("GET", "/client-scopes", of=realm)
    (made,) = [one["id"] for one in found if one["name"] == scope]
    keycloak.admin("PUT", f"/default-optional-client-scopes/{made}", {}, of=realm)
    if role is not None:
        # Step 4: who may have it.
        keycloak.admin("POST", "/roles", {"name": role}, of=realm)
        _assign(keycloak, realm, f"/client-scopes/{made}/scope-mappings/realm", role)


def _open_registration(keycloak: RunningKeycloak, realm: str, scopes: list[str]) -> None:
    # Step 5: what two of the policies say about clients that nobody knows.
    wanted = {
        "trusted-hosts": {
            "trusted-hosts": ["localhost", "127.0.0.1"],
            "host-sending-registration-request-must-match": ["true"],
            "client-uris-must-match": ["false"],
        },
        "allowed-client-templates": {
            "allow-default-scopes": ["true"], "allowed-client-scopes": scopes,
        },
    }  # fmt: skip
    for policy in keycloak.admin("GET", f"/components?type={_POLICIES}", of=realm):
        if policy["subType"] == "anonymous" and policy["providerId"] in wanted:
            policy["config"] = wanted[policy["providerId"]]
            keycloak.admin("PUT", f"/components/{policy['id']}", policy, of=realm)
