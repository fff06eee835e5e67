"""The first published table of providers, and where it is out of date."""

from types import MappingProxyType

SOURCE = "https://github.com/christian-posta/mcp-auth-step-by-step"
COLUMNS = ("pkce", "rfc8414", "rfc7591", "rfc8707")

_ROWS = {
    "okta": ("Yes", "Yes", "Yes", "No"),
    "auth0": ("Yes", "Yes", "Kinda", "No"),
    "keycloak": ("Yes", "Yes", "Yes", "No"),
    "pingfederate": ("Yes", "Yes", "Yes", "Yes"),
    "ping-aic": ("Yes", "Yes", "Yes", "Kinda"),
    "google": ("Yes", "No", "No", "No"),
    "entra": ("Yes", "Yes", "No", "No"),
}

SEED = MappingProxyType(
    {
        (name, column): said
        for name, row in _ROWS.items()
        for column, said in zip(COLUMNS, row, strict=True)
    }
)
"""The cells of the first table, by provider and column."""

OUTDATED = MappingProxyType(
    {
        ("okta", "rfc7591"): "only with an administrator's token, so no MCP client can use it",
        ("auth0", "rfc7591"): "complete and anonymous once turned on; advertised even when off",
        ("auth0", "rfc8707"): "honoured with the Resource Parameter Compatibility Profile",
        ("keycloak", "rfc8707"): "experimental since 26.6",
        ("pingfederate", "rfc7591"): "off until turned on",
        (
            "pingfederate",
            "rfc8707",
        ): "aud at the authorization endpoint; resource in token exchange",
        ("ping-aic", "rfc7591"): "off until turned on",
        ("entra", "pkce"): "works, and the metadata does not say so, so strict clients refuse",
        ("entra", "rfc8414"): "only the OpenID document, behind the path",
        ("entra", "rfc8707"): "checked since 2026: refused unless it is the resource of the scopes",
    }
)
"""The cells that are out of date, and why."""
