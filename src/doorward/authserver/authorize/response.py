"""The way back to the client: a redirect with a code, or with an error."""

from urllib.parse import quote, urlencode, urlsplit

from starlette.responses import Response

from doorward.authserver.clients.registry import Client
from doorward.authserver.pages import pages
from doorward.authserver.responses import page_response
from doorward.authserver.settings import AuthServerSettings
from doorward.errors import RequestRefused
from doorward.wire.error_response import oauth_body
from doorward.wire.oauth.redirect_uri import is_loopback, is_private_scheme


def authorization_response_url(
    redirect_uri: str, issuer: str, state: str | None, **members: str
) -> str:
    """
    Return the URL that carries an answer: its members, ``state`` as it came, and ``iss`` once.

    Spec: RFC 6749 §4.1.2; RFC 9207 §2
    """
    if state is not None:
        members["state"] = state
    members["iss"] = issuer
    separator = "" if redirect_uri.endswith(("?", "&")) else "&" if "?" in redirect_uri else "?"
    return redirect_uri + separator + urlencode(members, quote_via=quote, safe="")


def code_response(
    settings: AuthServerSettings, client: Client, redirect_uri: str, state: str | None, code: str
) -> Response:
    """Send the browser back to the client with a code."""
    url = authorization_response_url(redirect_uri, settings.issuer, state, code=code)
    return _redirect_to_client(settings, client, redirect_uri, url)


def error_response(
    settings: AuthServerSettings,
    client: Client,
    redirect_uri: str,
    state: str | None,
    refused: RequestRefused,
) -> Response:
    """Send the browser back to the client with an error whose text is ours alone."""
    url = authorization_response_url(redirect_uri, settings.issuer, state, **oauth_body(refused))
    return _redirect_to_client(settings, client, redirect_uri, url)


def client_card(client: Client, redirect_uri: str) -> pages.ClientCard:
    """Return what a page shows of a client."""
    from_document = client.origin == "document"
    registered = client.metadata.redirect_uris
    host = None if is_private_scheme(redirect_uri) else urlsplit(redirect_uri).netloc
    return pages.ClientCard(
        name=client.metadata.client_name,
        identifier=client.client_id,
        identifier_host=urlsplit(client.client_id).netloc if from_document else None,
        redirect_uri=redirect_uri,
        redirect_host=host or "",
        loopback_only=all(is_loopback(uri) for uri in registered),
    )


def _redirect_to_client(
    settings: AuthServerSettings, client: Client, redirect_uri: str, url: str
) -> Response:
    if is_private_scheme(redirect_uri):
        # A redirect to an application leaves the tab as it was, with a form that looks unanswered.
        card = client_card(client, redirect_uri)
        shown = pages.ContinuePage(service=settings.service_name, client=card, target=url)
        return page_response(shown, 200)
    # 303: what follows is a GET whatever came before, so no form with a password is sent along.
    headers = {"Location": url, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Response(status_code=303, headers={**headers, "X-Content-Type-Options": "nosniff"})
