"""Why a TLS connection failed: an untrusted certificate, among all the other causes."""

import ssl


def certificate_problem(error: BaseException) -> str | None:
    """
    Return why the peer's certificate is not trusted; ``None`` for every other failure.

    Looks at what ``error`` was raised from: HTTP libraries wrap the error of TLS.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return str(cause.verify_message).rstrip(".")
        cause = cause.__cause__ or cause.__context__
    return None
