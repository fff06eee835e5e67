"""
The errors of ``token_for``: why there is no token for the next server.

HttpError
├── DownstreamProblem           there is no token to send                            502
│   ├── NoSubjectToken          this caller has no token that the issuer exchanges   403
│   ├── DownstreamRefused       the issuer refused
│   │   ├── SignInNeeded        the user must sign in again, prove more, or agree    403, 401
│   │   │   └── AccountNotConnected  the user must connect an account, at a link          403
│   │   │       └── KeyNotPasted     the user must paste a key, at a link                 403
│   │   │           └── KeyRefused   the server does not accept the key any more          403
│   │   ├── GrantRefused        the issuer does not take the caller's token              403
│   │   ├── NotGranted          the issuer does not grant this to this server            403
│   │   └── ServerNotKnown      the issuer does not know this server's credentials
│   └── AnswerRefused           the issuer's response must not be used
│       ├── SameToken           the issuer returned the caller's own token
│       └── TokenForUs          the token is valid at this server too
└── Unavailable
    └── DownstreamUnavailable   the issuer is unavailable                                503

A plain route that does not catch the error responds with this status. In a tool, the result has the
public sentence. 403 means that another caller may succeed, 502 that an operator must act. Neither
makes a client with a valid token sign in again.
"""

import base64
import json
from collections.abc import Awaitable, Callable, Mapping

from doorward.errors import HttpError, Unavailable


class DownstreamProblem(HttpError):
    """
    There is no token for the next server. ``public`` is for the client, ``detail`` for the log.

    ```python
    OF_OPERATORS = (NotGranted, ServerNotKnown, AnswerRefused, SameToken, TokenForUs, NoSubjectToken)

    @server.tool(scopes={"orders:read"})
    async def my_orders(user: Identity) -> str:
        \"\"\"List the orders of the caller.\"\"\"
        try:
            token = await user.token_for("orders")
        except AccountNotConnected as problem:
            raise ToolError(f"Connect your account first: {problem.url}") from problem
        except (SignInNeeded, GrantRefused) as problem:
            raise ToolError("Sign in again, then repeat the call.") from problem
        except OF_OPERATORS as problem:
            raise ToolError("This tool is not set up completely.") from problem
        except DownstreamRefused as problem:
            raise ToolError(f"The orders service refused: {problem.error}.") from problem
        except DownstreamUnavailable as problem:
            raise ToolError(f"Try again in {problem.retry_after} seconds.") from problem
        except DownstreamProblem as problem:
            raise ToolError(problem.public) from problem
        return f"token of {len(token)} characters"
    ```

    ``target`` is the name that was passed to ``token_for``.
    """

    code = "downstream"
    status = 502
    public = "This tool could not get access to another service on your behalf."

    def __init__(self, target: str, detail: str) -> None:
        super().__init__(f"{target}: {detail}")
        self.target = target
        self.detail = detail


class NoSubjectToken(DownstreamProblem):
    """The identity is not the caller of this request, or its token is not the issuer's."""

    code = "not-the-caller"
    status = 403
    hint = "Call token_for on the identity of the current request."


class DownstreamRefused(DownstreamProblem):
    """The issuer refused; ``error`` is its error code, such as ``invalid_grant``."""

    code = "downstream-refused"
    hint = "Look up the issuer's error code, which is in the log, in the issuer's documentation."

    def __init__(self, target: str, detail: str, error: str) -> None:
        super().__init__(target, detail)
        self.error = error


class SignInNeeded(DownstreamRefused):
    """
    The user must sign in again, prove more, or give consent.

    ``claims`` is the JSON that the next sign-in must request, if the issuer sent it. Microsoft Entra
    calls it a claims challenge.
    """

    code = "downstream-sign-in-needed"
    status = 403
    public = "The service that this tool uses requires you to sign in again or to give consent."
    hint = "Sign in again. If there is a challenge, send its claims in the authorization request."

    def __init__(self, target: str, detail: str, error: str, claims: str | None = None) -> None:
        super().__init__(target, detail, error)
        self.claims = claims
        # A 401 needs a challenge (RFC 9110 §15.5.2), and only claims give one.
        if claims is not None:
            self.status = 401

    @property
    def headers(self) -> Mapping[str, str]:
        """``WWW-Authenticate``, if the issuer sent claims."""
        return {} if self.challenge is None else {"WWW-Authenticate": self.challenge}

    @property
    def challenge(self) -> str | None:
        """The challenge for the client; ``None`` without claims."""
        if self.claims is None:
            return None
        encoded = base64.b64encode(json.dumps(json.loads(self.claims)).encode()).decode("ascii")
        return f'Bearer error="insufficient_claims", claims="{encoded}"'


class AccountNotConnected(SignInNeeded):
    """
    The user has to connect an account at the identity provider ``target``, on the page ``url``.

    The page is for this user alone. Where the authorization server is in this process, ``connected``
    waits for the user to finish, for at most the seconds that it is given, and says whether they did.
    """

    code = "downstream-account-not-connected"
    hint = "Open the link in the message, connect the account, then call the tool again."

    def __init__(
        self,
        target: str,
        detail: str,
        url: str,
        connected: Callable[..., Awaitable[bool]] | None = None,
    ) -> None:
        super().__init__(target, detail, "interaction_required")
        self.url = url
        self.connected = connected

    @property
    def description(self) -> str:
        """A sentence with the link, for the user."""
        return (
            f"This tool needs your account at {self.target}. "
            f"Open {self.url} to connect it, then run the tool again."
        )


class KeyNotPasted(AccountNotConnected):
    """The user has to paste a key of the service ``target``, on the page ``url``."""

    code = "downstream-key-missing"
    hint = "Open the link in the message, paste the key, then call the tool again."

    @property
    def description(self) -> str:
        """A sentence with the link, for the user."""
        return (
            f"This server needs your key for {self.target}. "
            f"Open {self.url} to paste it, then run the tool again."
        )


class KeyRefused(KeyNotPasted):
    """The server does not accept the key that the user pasted, or does not accept it any more."""

    code = "downstream-key-refused"
    hint = "Open the link in the message, paste a new key, then call the tool again."

    @property
    def description(self) -> str:
        """A sentence with the link, for the user."""
        return (
            f"{self.target} does not accept your key. "
            f"Open {self.url} to paste a new one, then run the tool again."
        )


class GrantRefused(DownstreamRefused):
    """The issuer does not accept the caller's token: it is expired, revoked, or not for this server."""

    code = "downstream-grant-refused"
    status = 403
    public = "Another service does not accept your sign-in here. Sign in again."
    hint = "Sign in again. If that fails, allow token exchange for this server at the issuer."


class NotGranted(DownstreamRefused):
    """The issuer does not grant this server the scope, the target, or the grant type."""

    code = "downstream-not-granted"
    status = 403
    public = "This server is not allowed to use that service on your behalf."
    hint = "At the issuer, allow this server to request the scope and the target."


class ServerNotKnown(DownstreamRefused):
    """The issuer does not accept this server's own credentials."""

    code = "downstream-server-not-known"
    public = "This server is not configured for the service that this tool uses."
    hint = "Correct client_id and the credentials in the downstream setting."


class AnswerRefused(DownstreamProblem):
    """The issuer's response must not be used."""

    code = "downstream-answer-refused"
    hint = "Find in the log what was wrong with the response of the token endpoint."


class SameToken(AnswerRefused):
    """The issuer returned the caller's own token. The next server could use it here."""

    code = "downstream-same-token"
    hint = "Configure token exchange at the issuer, so that it issues a new token."


class TokenForUs(AnswerRefused):
    """The token names this server as its audience, so the next server could use it here."""

    code = "downstream-token-for-us"
    hint = "Set the target in the downstream setting to the resource of the next server."


def refusal_in(error: BaseException) -> BaseException:
    """
    Return the refusal that a group of exceptions stands for; any other error as it is.

    A ``TaskGroup`` raises a group, also if one task failed. A group with any other exception is an
    error of the tool, which must not be hidden behind a sentence for the user.
    """
    if not isinstance(error, ExceptionGroup):
        return error
    refusals = [refusal_in(one) for one in error.exceptions]
    if not all(isinstance(one, DownstreamProblem | Unavailable) for one in refusals):
        return error
    # What the user can do something about is more useful than the rest.
    links = (one for one in refusals if isinstance(one, AccountNotConnected))
    return next(links, refusals[0])


class DownstreamUnavailable(Unavailable):
    """The issuer is unavailable, so there is no token; the request itself was valid."""

    code = "downstream-unavailable"
    public = "The authorization server of another service is unavailable. Try again soon."
    hint = "Check that this server can reach the token endpoint."
