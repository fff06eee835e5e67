"""Authorization responses: a redirect to the client with a code or an error."""

from urllib.parse import quote, urlencode, urlsplit

from starlette.responses import Response

from doorward.authserver.clients.registry import Client
from doorward.authserver.grants.transactions import Transaction
from doorward.authserver.http.responses import page_response
from doorward.authserver.pages import pages
from doorward.authserver.refusals import OAuthRefused
from doorward.authserver.services import Services
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.users.cookies import Browser
from doorward.wire.error_response import oauth_body
from doorward.wire.oauth.redirect_uri import is_loopback, is_private_scheme


def authorization_response_url(
    redirect_uri: str, issuer: str, state: str | None, **members: str
) -> str:
    """
    Return the redirect URI with the response parameters, the unchanged ``state`` and one ``iss``.

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
    """Return the redirect to the client with a code."""
    url = authorization_response_url(redirect_uri, settings.issuer, state, code=code)
    return _redirect_to_client(settings, client, redirect_uri, url)


def refuse_authorization(
    services: Services,
    client: Client,
    redirect_uri: str,
    state: str | None,
    refused: OAuthRefused,
) -> Response:
    """
    Record the refusal, and return the redirect to the client with an error.

    The text of the error never repeats the request.
    """
    services.record_event("authorization.refused", client_id=client.client_id, reason=refused.code)
    settings = services.settings
    url = authorization_response_url(redirect_uri, settings.issuer, state, **oauth_body(refused))
    return _redirect_to_client(settings, client, redirect_uri, url)


async def refuse_transaction(
    services: Services,
    transaction: Transaction,
    browser: Browser,
    client: Client,
    refused: OAuthRefused,
) -> Response:
    """End the transaction, and return ``refuse_authorization`` of its request."""
    await services.store.write(
        lambda connection: services.transactions.claim(
            connection, transaction.handle, browser, transaction.user_id
        )
    )
    request = transaction.request
    return refuse_authorization(services, client, request.redirect_uri, request.state, refused)


def client_card(client: Client, redirect_uri: str) -> pages.ClientCard:
    """Return what pages show about a client."""
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
        # A redirect to an application would leave the tab open on a form that looks unanswered.
        card = client_card(client, redirect_uri)
        shown = pages.ContinuePage(service=settings.service_name, client=card, target=url)
        return page_response(shown, 200)
    # 303: the browser follows with GET, so it never sends a form with a password again.
    headers = {"Location": url, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Response(status_code=303, headers={**headers, "X-Content-Type-Options": "nosniff"})
