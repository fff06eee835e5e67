"""What is refused of revoked tokens, of tokens that are looked up, and of API keys."""

from doorward.errors import TokenRejected, Unavailable


class LookupUnavailable(Unavailable):
    """
    The issuer cannot be asked about the token, or not with the credentials of this server.

    The second is ours to mend and no fault of the caller's: a 401 would send every client to sign in
    again, for a token that is good.
    """

    code = "token-lookup-unavailable"
    public = "The token could not be checked: its issuer cannot be asked. Try again soon."


class RevokedToken(TokenRejected):
    """The token is genuine and was revoked, alone or with everything that came of the same grant."""

    code = "revoked-token"
    public = "The access token has been revoked."


class RevocationsUnavailable(Unavailable):
    """The list of revoked tokens cannot be read, and the last one is too old to go by."""

    code = "revocations-unavailable"
    public = (
        "The token could not be checked: its issuer's revocations are unavailable. Try again soon."
    )


class InactiveToken(TokenRejected):
    """The issuer says that the token is over, revoked, or none of its own; it does not say which."""

    code = "inactive-token"
    public = "The access token is not active."


class WrongClient(TokenRejected):
    """
    The token lives, and was issued to a client that is not named here.

    Accepted, the operator of any other client could come here as whoever signed in there.
    """

    code = "wrong-client"
    public = "The access token was issued to another client."


class UnknownApiKey(TokenRejected):
    """No key has this id, or its secret is another; the two are told alike."""

    code = "api-key-unknown"
    public = "The API key is not known here."


class ApiKeyRevoked(TokenRejected):
    """The key was good and has been withdrawn."""

    code = "api-key-revoked"
    public = "The API key has been revoked."


class ApiKeyExpired(TokenRejected):
    """The key was good and its time is over."""

    code = "api-key-expired"
    public = "The API key has expired."


class ApiKeysUnavailable(Unavailable):
    """The list of API keys cannot be read, so nobody knows which of them were revoked."""

    code = "api-keys-unavailable"
    public = "The API key could not be checked. Try again soon."
