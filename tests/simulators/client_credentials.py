"""The client authentication in a request, as a provider reads it."""

import base64
from urllib.parse import unquote_plus


def shown_credentials(form: dict[str, str], header: str | None) -> tuple[str, str, str]:
    """Return the method, the client id and the secret; no method if two are used at once."""
    if header is None:
        shown = form.get("client_id", ""), form.get("client_secret", "")
        return "client_secret_post", *shown
    encoded = header.removeprefix("Basic ")
    name, _, secret = base64.b64decode(encoded).decode().partition(":")
    method = "" if "client_secret" in form else "client_secret_basic"
    return method, unquote_plus(name), unquote_plus(secret)
