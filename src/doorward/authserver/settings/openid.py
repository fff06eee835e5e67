"""OpenID sign-in as a resource of this server: the scopes that an application can ask for."""

from doorward.authserver.settings.resource import Resource

OPENID = "openid"
PROFILE = "profile"
EMAIL = "email"


def openid_resource(issuer: str, service_name: str) -> Resource:
    """
    Return the resource of an OpenID sign-in: the issuer itself, with its userinfo endpoint.

    An access token of a sign-in has this audience, so that no MCP server accepts it, and the userinfo
    endpoint accepts no token of an MCP server.

    Spec: OpenID Connect Core 1.0 §3.1.2.1, §5.4
    """
    return Resource(
        uri=issuer,
        name=service_name,
        scopes={
            OPENID: "Recognize you when you sign in again",
            PROFILE: "Read your name and your username",
            EMAIL: "Read your e-mail address",
        },
    )
