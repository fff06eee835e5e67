"""The checks of an authorization request, in the order in which they run."""

import re
from collections.abc import Callable

from doorward.authserver.clients.registry import Client
from doorward.authserver.grants.authorization_request import AuthorizationRequest
from doorward.authserver.refusals import (
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    UnsupportedResponseType,
)
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.openid import OPENID
from doorward.authserver.settings.resource import Resource
from doorward.wire.oauth import pkce
from doorward.wire.oauth.parameters import Parameters
from doorward.wire.oauth.redirect_uri import matches, problem_with
from doorward.wire.oauth.scope import parse_scope

_SECONDS = re.compile(r"[0-9]{1,9}")
_LONGEST_NONCE = 1000
_PROMPTS = frozenset({"none", "login", "consent", "select_account"})

Check = Callable[[Parameters], None]


def validated_redirect_uri(
    parameters: Parameters, client: Client, settings: AuthServerSettings
) -> str:
    """
    Return the redirect URI that may receive a response, be it a code or an error.

    Nothing is redirected before this returns: redirecting errors to an unchecked URI would make
    this server an open redirector.

    Raises:
        InvalidRequest: shown on an error page of this server.

    Spec: OAuth 2.1 §4.1.1, §7.12; RFC 8252 §7.3
    """
    registered = client.metadata.redirect_uris
    requested = parameters.one("redirect_uri")
    if requested is None:
        if len(registered) != 1:
            raise InvalidRequest(
                f"no redirect_uri, {len(registered)} are registered",
                description="The application registered several addresses and did not say which to use.",
            )
        requested = registered[0]
    # A registered URI is checked again: the rules may be stricter now than at its registration.
    problem = problem_with(requested, private_schemes=settings.private_schemes)
    if problem is not None or not any(matches(one, requested) for one in registered):
        raise InvalidRequest(
            f"redirect_uri {requested[:200]!r} {problem or f'is not among {registered!r}'}",
            description="The address to return to is not one that the application registered.",
        )
    return requested


def response_type(parameters: Parameters) -> None:
    """
    Require ``response_type=code``: a token in a URL ends up in histories and logs.

    Spec: OAuth 2.1 §4.1.1, §10.1
    """
    if parameters.one("response_type") is None:
        raise InvalidRequest("no response_type", description="response_type is missing.")
    if parameters.one("response_type") != "code":
        raise UnsupportedResponseType(f"{parameters.one('response_type')!r}")


def response_mode(parameters: Parameters) -> None:
    """
    Require ``response_mode=query`` or none.

    Spec: OAuth 2.0 Multiple Response Type Encoding Practices §2.1
    """
    if parameters.one("response_mode") not in (None, "query"):
        raise InvalidRequest(
            f"response_mode {parameters.one('response_mode')!r}",
            description="Only response_mode=query is supported.",
        )


def request_object(parameters: Parameters) -> None:
    """
    Refuse request objects: parameters in an unread object could contradict the ones that are used.

    ``request_uri`` is never fetched.

    Spec: RFC 9101 §5, §10
    """
    for name in ("request", "request_uri", "registration"):
        if parameters.one(name) is not None:
            raise InvalidRequest(
                f"{name} was sent", description=f"The parameter {name} is not supported."
            )


def code_challenge(parameters: Parameters) -> None:
    """
    Require PKCE with ``code_challenge_method=S256`` from every client.

    Spec: RFC 7636 §4.2, §4.3; OAuth 2.1 §4.1.1, §7.5
    """
    # Without a method, RFC 7636 means "plain", which does not protect the code.
    if parameters.one("code_challenge_method") != pkce.METHOD:
        raise InvalidRequest(
            f"code_challenge_method {parameters.one('code_challenge_method')!r}",
            description="PKCE is required: send code_challenge with code_challenge_method=S256.",
        )
    if not pkce.is_challenge(parameters.one("code_challenge") or ""):
        raise InvalidRequest(
            "code_challenge is absent or not 43 characters of base64url",
            description="PKCE is required: code_challenge must be 43 characters of base64url.",
        )


def prompt(parameters: Parameters) -> None:
    """
    Require known values of ``prompt``; ``none`` must be the only one.

    Spec: OpenID Connect Core 1.0 §3.1.2.1
    """
    requested = (parameters.one("prompt") or "").split()
    if not set(requested) <= _PROMPTS or ("none" in requested and len(requested) > 1):
        raise InvalidRequest(
            f"prompt {requested!r}", description="The value of prompt is not supported."
        )


def max_age(parameters: Parameters) -> None:
    """
    Require a number of seconds.

    Spec: OpenID Connect Core 1.0 §3.1.2.1
    """
    seconds = parameters.one("max_age")
    if seconds is not None and _SECONDS.fullmatch(seconds) is None:
        raise InvalidRequest("max_age", description="max_age must be a number of seconds.")


def nonce(parameters: Parameters) -> None:
    """
    Refuse a nonce that is too long to be kept.

    Spec: OpenID Connect Core 1.0 §3.1.2.1, §15.5.2
    """
    if len(parameters.one("nonce") or "") > _LONGEST_NONCE:
        raise InvalidRequest(
            "nonce", description=f"nonce must have at most {_LONGEST_NONCE} characters."
        )


# The order matters. The form of the response comes first, because a client that expects it elsewhere
# cannot read an error. Request objects come next, because later checks read the query only.
CHECKS: tuple[Check, ...] = (
    response_type,
    response_mode,
    request_object,
    code_challenge,
    prompt,
    max_age,
    nonce,
)


def read_request(
    parameters: Parameters, client: Client, redirect_uri: str, settings: AuthServerSettings
) -> AuthorizationRequest:
    """
    Return the authorization request that passed every check.

    Does not look at the user, and not at ``id_token_hint``.

    Raises:
        OAuthRefused: of the first check that fails; it is sent to the client at ``redirect_uri``.
    """
    for check in CHECKS:
        check(parameters)
    resource = _resource_of(parameters, settings)
    is_openid = settings.is_openid(resource.uri)
    longest = parameters.one("max_age")
    scopes = requested_scopes(parameters, client, resource)
    if is_openid and OPENID not in scopes:
        raise InvalidScope("a sign-in without the scope openid")
    return AuthorizationRequest(
        client_id=client.client_id,
        redirect_uri=redirect_uri,
        state=parameters.one("state"),
        resource=resource.uri,
        scopes=tuple(sorted(scopes)),
        challenge=parameters.one("code_challenge") or "",
        prompts=tuple((parameters.one("prompt") or "").split()),
        max_age=None if longest is None else int(longest),
        nonce=parameters.one("nonce") if is_openid else None,
    )


def _resource_of(parameters: Parameters, settings: AuthServerSettings) -> Resource:
    """
    Return the resource of an authorization request: for an OpenID sign-in, the issuer.

    A client that names no resource, and asks for ``openid`` and for no scope of an MCP server, signs
    somebody in. MCP clients that add ``openid`` to their scopes get what they got before.

    Spec: OpenID Connect Core 1.0 §3.1.2.1
    """
    requested = parse_scope(parameters.one("scope") or "") or frozenset()
    openid = settings.openid_resource
    if (
        openid is not None
        and OPENID in requested
        and not parameters.all_of("resource")
        and requested.isdisjoint(settings.known_scopes)
    ):
        return openid
    return requested_resource(parameters, settings)


def requested_resource(parameters: Parameters, settings: AuthServerSettings) -> Resource:
    """
    Return the one resource that tokens are requested for.

    Clients that predate RFC 8707 name none; a server with exactly one resource uses that one.

    Spec: RFC 8707 §2
    """
    named = set(parameters.all_of("resource"))
    if not named and len(settings.resources) == 1:
        return settings.resources[0]
    if len(named) != 1:
        raise InvalidTarget(f"{len(named)} resources", description="Name exactly one resource.")
    resource = settings.resource(named.pop())
    if resource is None:
        raise InvalidTarget("the resource is not one of ours")
    return resource


def requested_scopes(parameters: Parameters, client: Client, resource: Resource) -> frozenset[str]:
    """
    Return the requested scopes that the resource has.

    Many clients request ``openid`` or ``offline_access`` everywhere. Such scopes are dropped, not
    refused, so that these clients can sign in. The token response names the granted scopes.

    Spec: RFC 6749 §3.3
    """
    known = frozenset(resource.scopes)
    text = parameters.one("scope")
    if text is None:
        registered = (client.metadata.scope or frozenset()) & known
        default = known if resource.default_scopes is None else resource.default_scopes & known
        return registered or default
    requested = parse_scope(text)
    if requested is None:
        raise InvalidScope("not a scope string", description="scope is not well-formed.")
    if known and not requested & known:
        raise InvalidScope("none of the scopes is in the catalogue")
    return requested & known
