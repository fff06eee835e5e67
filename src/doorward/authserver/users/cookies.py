"""Cookies: the browser binding, the session and the known browser; and form tokens."""

from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from doorward.authserver.keys.secrets import authenticate, derive, hash_secret, new_secret
from doorward.authserver.refusals import FormRefused
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.users.browser_name import read_browser_name
from doorward.wire.address import origin_of

# The values of Sec-Fetch-Site for a form on a page of this server.
_OUR_FETCH_SITES = frozenset({"same-origin", "none"})


@dataclass(frozen=True)
class Browser:
    """
    One browser, by its cookies.

    ``binding`` is a random value that says nothing about who uses the browser. ``session_id`` is
    the session it claims to have. ``known_secret`` marks a browser in which somebody signed in
    before. ``name`` is for people, such as ``Firefox on Windows``.
    """

    binding: str
    is_new: bool
    session_id: str | None = None
    known_secret: str | None = None
    name: str | None = None

    @property
    def digest(self) -> bytes:
        """The hash of the binding, which is stored."""
        return hash_secret(self.binding)

    def __repr__(self) -> str:
        return f"Browser(is_new={self.is_new})"


class Cookies:
    """
    Reads and writes the cookies, and binds every form to the browser that it was sent to.

    On https they have the prefix ``__Host-``, so that no other host can set or read them. Browsers
    refuse that prefix on plain http; there, the port in the name keeps two servers apart.

    Spec: RFC 6265bis §4.1.3.2; OAuth 2.1 §7.9
    """

    def __init__(self, settings: AuthServerSettings, secret: str) -> None:
        parts = urlsplit(settings.issuer)
        self._secure = parts.scheme == "https"
        self._issuer_origin = _as_browsers_write(origin_of(settings.issuer))
        self._form_key = derive(secret, "doorward forms")
        self._life = int(settings.lifetimes.session_absolute)
        self._known_life = int(settings.lifetimes.known_browser)
        self.browser_name = self._name("browser", parts.port)
        self.session_name = self._name("session", parts.port)
        self.known_name = self._name("known", parts.port)

    def browser(self, request: Request) -> Browser:
        """Return the browser that sent the request, with a fresh binding when it has none."""
        binding = self._secret(request, self.browser_name)
        return Browser(
            binding or new_secret(),
            is_new=binding is None,
            session_id=_sent_cookie(request, self.session_name),
            known_secret=self._secret(request, self.known_name),
            name=read_browser_name(request.headers.get("user-agent", "")),
        )

    def set_browser(self, response: Response, browser: Browser) -> None:
        """Set the binding cookie when the browser does not have it yet."""
        if browser.is_new:
            self._set(response, self.browser_name, browser.binding, None)

    def set_session(self, response: Response, session_id: str) -> None:
        """Set the session cookie."""
        self._set(response, self.session_name, session_id, self._life)

    def clear_session(self, response: Response) -> None:
        """Remove the session cookie."""
        self._set(response, self.session_name, "", 0)

    def set_known_browser(self, response: Response, secret: str) -> None:
        """Set the known-browser cookie, which outlives the session."""
        self._set(response, self.known_name, secret, self._known_life)

    def form_token(self, browser: Browser, transaction: str) -> str:
        """Return the CSRF token of a form, valid in one browser for one transaction."""
        return authenticate(self._form_key, browser.binding, transaction)

    def consent_token(self, browser: Browser, transaction: str, shown: tuple[str, ...]) -> str:
        """Return a form token that is also bound to what the consent page showed."""
        seen = authenticate(self._form_key, browser.binding, transaction, *shown)
        return f"{self.form_token(browser, transaction)}.{seen}"

    def require_own_form(self, request: Request, transaction: str, token: str | None) -> Browser:
        """
        Return the browser if this server sent it the form that it submits.

        The attack: an attacker starts a transaction and makes a victim's browser submit the form,
        with a genuine token. The token is bound to the cookie of the attacker's browser.

        Raises:
            FormRefused: 403.
        """
        site = request.headers.get("sec-fetch-site", "none")
        origin = request.headers.get("origin", "null")
        browser = self.browser(request)
        # Browsers send "null" from pages of this server, because their Referrer-Policy is no-referrer.
        if site not in _OUR_FETCH_SITES or origin not in (self._issuer_origin, "null"):
            raise FormRefused(f"the form was sent from {site!r} {origin!r}")
        expected = self.form_token(browser, transaction)
        brought = (token or "").partition(".")[0]
        if browser.is_new or not compare_digest(expected.encode(), brought.encode()):
            raise FormRefused("the form was given to another browser")
        return browser

    def _secret(self, request: Request, name: str) -> str | None:
        secret = _sent_cookie(request, name)
        # Only a value that this server could have set is accepted.
        if secret is None or len(secret) != len(new_secret()) or not secret.isascii():
            return None
        return secret

    def _name(self, what: str, port: int | None) -> str:
        if self._secure:
            return f"__Host-doorward-{what}"
        return f"doorward-{what}-{port or 80}"

    def _set(self, response: Response, name: str, value: str, max_age: int | None) -> None:
        response.set_cookie(
            name,
            value,
            max_age=max_age,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )


def _sent_cookie(request: Request, name: str) -> str | None:
    """
    Return the value of the cookie that is called exactly ``name``; ``None`` if there are two values.

    The attack: a neighbouring host sets a cookie for the whole domain whose name begins with a
    no-break space. Browsers allow it, because it does not begin with ``__Host-``. A reader that
    strips white space of every kind then takes it for this server's own session.

    Spec: RFC 6265bis §4.1.3.2, §5.8.3
    """
    sent = ";".join(request.headers.getlist("cookie")).split(";")
    pairs = [pair.strip(" \t").partition("=") for pair in sent]
    values = {value for found, _, value in pairs if found == name}
    return values.pop() if len(values) == 1 else None


def _as_browsers_write(origin: str) -> str:
    """Return an origin in lower case and without the port that its scheme implies."""
    lowered = origin.lower()
    implied = ":443" if lowered.startswith("https:") else ":80"
    return lowered.removesuffix(implied)
