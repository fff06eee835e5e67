"""What an authorization request must be, in the order in which it is asked."""

from collections.abc import Callable

from doorward.authserver.clients.registry import Client
from doorward.authserver.grants.authorization_request import AuthorizationRequest
from doorward.authserver.refusals import (
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    UnsupportedResponseType,
)
from doorward.authserver.settings import AuthServerSettings, Resource
from doorward.wire.oauth import pkce
from doorward.wire.oauth.parameters import Parameters
from doorward.wire.oauth.redirect_uri import matches, problem_with
from doorward.wire.oauth.scope import parse_scope

_PROMPTS = frozenset({"none", "login", "consent", "select_account"})

Check = Callable[[Parameters], None]


def validated_redirect_uri(
    parameters: Parameters, client: Client, settings: AuthServerSettings
) -> str:
    """
    Return the redirect URI that may receive an answer, right or wrong.

    Until this returns, nothing is redirected anywhere: the errors of a request with an unproven
    address would make this server an open redirector.

    Raises:
        InvalidRequest: shown on a page of ours.

    Spec: OAuth 2.1 §4.1.1, §7.12; RFC 8252 §7.3
    """
    registered = client.metadata.redirect_uris
    requested = parameters.one("redirect_uri")
    if requested is None:
        if len(registered) != 1:
            raise InvalidRequest(
                f"no redirect_uri, {len(registered)} are registered",
                say="The application registered several addresses and did not say which to use.",
            )
        requested = registered[0]
    # On record is not enough: it may be from before a rule was added or a scheme was taken away.
    problem = problem_with(requested, private_schemes=settings.private_schemes)
    if problem is not None or not any(matches(one, requested) for one in registered):
        raise InvalidRequest(
            f"redirect_uri {requested[:200]!r} {problem or f'is not among {registered!r}'}",
            say="The address to return to is not one that the application registered.",
        )
    return requested


def response_type(parameters: Parameters) -> None:
    """
    Admit ``response_type=code`` alone: a token in a URL ends up in histories and logs.

    Spec: OAuth 2.1 §4.1.1, §10.1
    """
    if parameters.one("response_type") is None:
        raise InvalidRequest("no response_type", say="response_type is missing.")
    if parameters.one("response_type") != "code":
        raise UnsupportedResponseType(f"{parameters.one('response_type')!r}")


def response_mode(parameters: Parameters) -> None:
    """
    Admit the answer in the query, where this server puts it.

    Spec: OAuth 2.0 Multiple Response Type Encoding Practices §2.1
    """
    if parameters.one("response_mode") not in (None, "query"):
        raise InvalidRequest(
            f"response_mode {parameters.one('response_mode')!r}",
            say="Only response_mode=query is supported.",
        )


def request_object(parameters: Parameters) -> None:
    """
    Refuse parameters in a signed object: unread, it would say something else than what is done.

    ``request_uri`` is never fetched.

    Spec: RFC 9101 §5, §10
    """
    for name in ("request", "request_uri", "registration"):
        if parameters.one(name) is not None:
            raise InvalidRequest(f"{name} was sent", say=f"The parameter {name} is not supported.")


def code_challenge(parameters: Parameters) -> None:
    """
    Admit a SHA-256 challenge whose method is spelt out, from every kind of client.

    Spec: RFC 7636 §4.2, §4.3; OAuth 2.1 §4.1.1, §7.5
    """
    # An absent method means "plain" in RFC 7636, and plain protects nobody.
    if parameters.one("code_challenge_method") != pkce.METHOD:
        raise InvalidRequest(
            f"code_challenge_method {parameters.one('code_challenge_method')!r}",
            say="PKCE is required: send code_challenge with code_challenge_method=S256.",
        )
    if not pkce.is_challenge(parameters.one("code_challenge") or ""):
        raise InvalidRequest(
            "code_challenge is absent or not 43 characters of base64url",
            say="PKCE is required: code_challenge must be 43 characters of base64url.",
        )


def prompt(parameters: Parameters) -> None:
    """
    Admit the four prompts, ``none`` only by itself.

    Spec: OpenID Connect Core 1.0 §3.1.2.1
    """
    requested = (parameters.one("prompt") or "").split()
    if not set(requested) <= _PROMPTS or ("none" in requested and len(requested) > 1):
        raise InvalidRequest(f"prompt {requested!r}", say="The value of prompt is not supported.")


# Order is policy. The shape of the answer first: an error is of no use to a client that expects it
# elsewhere. Then that nothing is hidden in a request object, since the later checks read what they
# see. Then the proof of possession, and last what only decides how much is shown.
CHECKS: tuple[Check, ...] = (response_type, response_mode, request_object, code_challenge, prompt)


def read_request(
    parameters: Parameters, client: Client, redirect_uri: str, settings: AuthServerSettings
) -> AuthorizationRequest:
    """
    Return the request when every check admits it, or raise what the first that fails says.

    Does not ask who the user is.

    Raises:
        OAuthRefused: sent to the client at ``redirect_uri``.
    """
    for check in CHECKS:
        check(parameters)
    resource = requested_resource(parameters, settings)
    return AuthorizationRequest(
        client_id=client.client_id,
        redirect_uri=redirect_uri,
        state=parameters.one("state"),
        resource=resource.uri,
        scopes=tuple(sorted(requested_scopes(parameters, client, resource))),
        challenge=parameters.one("code_challenge") or "",
        prompts=tuple((parameters.one("prompt") or "").split()),
    )


def requested_resource(parameters: Parameters, settings: AuthServerSettings) -> Resource:
    """
    Return the one resource that tokens are asked for.

    Clients older than RFC 8707 name none, which is clear enough when there is exactly one.

    Spec: RFC 8707 §2
    """
    named = set(parameters.all_of("resource"))
    if not named and len(settings.resources) == 1:
        return settings.resources[0]
    if len(named) != 1:
        raise InvalidTarget(f"{len(named)} resources", say="Name exactly one resource.")
    resource = settings.resource(named.pop())
    if resource is None:
        raise InvalidTarget("the resource is not one of ours")
    return resource


def requested_scopes(parameters: Parameters, client: Client, resource: Resource) -> frozenset[str]:
    """
    Return the scopes that are asked for, without those the resource does not know.

    Clients ask for ``openid`` or ``offline_access`` out of habit; dropping them quietly is what
    lets those finish. The answer names what was granted.

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
        raise InvalidScope("not a scope string", say="scope is not well-formed.")
    if known and not requested & known:
        raise InvalidScope("none of the scopes is in the catalogue")
    return requested & known
