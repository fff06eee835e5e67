"""``POST /authorize``: an authorization request as a form."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from doorward.authserver.endpoints.browser.sign_in import read_form
from doorward.authserver.pages import pages
from doorward.authserver.services import Services


class AuthorizationForm:
    """
    Sends the browser to the same request as a GET.

    Browsers send no cookies with a form of another site, so nobody would be signed in.

    Spec: OpenID Connect Core 1.0 §3.1.2.1
    """

    def __init__(self, services: Services) -> None:
        self._authorize = services.settings.url("/authorize")

    async def post(self, request: Request) -> Response:
        """Return the redirect; 303, so that the browser follows with GET."""
        query = urlencode(await read_form(request), doseq=True)
        return RedirectResponse(
            f"{self._authorize}?{query}", 303, headers=dict(pages.SECURITY_HEADERS)
        )
