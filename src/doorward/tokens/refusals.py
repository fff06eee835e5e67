"""Refusals of revoked tokens, of opaque tokens and of API keys."""

from doorward.errors import TokenRejected, Unavailable


class LookupUnavailable(Unavailable):
    """
    The issuer cannot be asked about the token, or it refuses this server's own credentials.

    Neither is the caller's fault: a 401 would make every client sign in again, with a good token.
    """

    code = "token-lookup-unavailable"
    public = "The token could not be checked: its issuer cannot be asked. Try again soon."
    hint = "Check the introspection endpoint, and the client credentials of this server."


class RevokedToken(TokenRejected):
    """The token is genuine and was revoked, alone or with its whole grant."""

    code = "revoked-token"
    public = "The access token has been revoked."
    hint = "Sign in again."


class RevocationsUnavailable(Unavailable):
    """The list of revoked tokens cannot be read, and the last copy is too old."""

    code = "revocations-unavailable"
    public = (
        "The token could not be checked: its issuer's revocations are unavailable. Try again soon."
    )
    hint = "Check that the guard can reach the database of the authorization server."


class InactiveToken(TokenRejected):
    """The issuer says that the token expired, was revoked or is not its own, but not which."""

    code = "inactive-token"
    public = "The access token is not active."
    hint = "Refresh the token, or sign in again."


class WrongClient(TokenRejected):
    """
    The token is valid, and was issued to a client that is not on the list.

    If it were accepted, any other application could act here as the users who signed in there.
    """

    code = "wrong-client"
    public = "The access token was issued to another client."
    hint = "Add the client to client_ids, if its users may come here."


class UnknownApiKey(TokenRejected):
    """No key has this id, or the secret is wrong; both get the same answer."""

    code = "api-key-unknown"
    public = "The API key is not known here."
    hint = "Compare the key with `doorward api-key list`."


class ApiKeyRevoked(TokenRejected):
    """The key was valid and has been revoked."""

    code = "api-key-revoked"
    public = "The API key has been revoked."
    hint = "Ask the operator for a new key."


class ApiKeyExpired(TokenRejected):
    """The key was valid and has expired."""

    code = "api-key-expired"
    public = "The API key has expired."
    hint = "Ask the operator for a new key."


class ApiKeysUnavailable(Unavailable):
    """The list of API keys cannot be read, so it is unknown which of them were revoked."""

    code = "api-keys-unavailable"
    public = "The API key could not be checked. Try again soon."
    hint = "Check that the file of API keys exists and can be read."
