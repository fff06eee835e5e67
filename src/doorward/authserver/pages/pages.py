"""The HTML pages: the data of each one, and the rendered bytes and headers.

All fields are unescaped. The template engine escapes them, and the templates filter text that
strangers chose (a client's name and URIs), so that no caller can forget it.
"""

import base64
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import jinja2
from markupsafe import Markup

from doorward.authserver.pages import safe_text
from doorward.authserver.pages.destination import Destination, read_destination
from doorward.authserver.pages.host_name import read_host

_TEMPLATES = Path(__file__).parent / "templates"
# Read in text mode, so that the hash covers the line endings that a browser sees.
_STYLE = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")


@dataclass(frozen=True, kw_only=True)
class ClientCard:
    """
    What pages show about the client.

    ``name`` is unverified. ``identifier_host`` is the host of a ``client_id`` URL whose document was
    fetched; ``None`` for a registered client. ``redirect_host`` is empty for a private-use scheme.
    """

    name: str | None
    identifier: str
    identifier_host: str | None
    redirect_uri: str
    redirect_host: str
    loopback_only: bool


@dataclass(frozen=True, kw_only=True)
class ProviderCard:
    """What pages show about an identity provider; ``action`` gets the POST that leads there."""

    title: str
    host: str
    action: str


@dataclass(frozen=True, kw_only=True)
class SignInPage:
    """
    The sign-in form. Posts ``transaction``, ``csrf``, ``username`` and ``password``.

    With ``providers``, it has a button for each; without ``own_users``, nothing else.
    ``other_account`` makes them ask which account to use. ``code`` is the reason of a problem, and
    ``correlation_id`` leads to the log.
    """

    service: str
    action: str
    transaction: str
    csrf: str
    client: ClientCard | None
    username: str = ""
    problem: str | None = None
    code: str | None = None
    correlation_id: str | None = None
    demo_users: tuple[str, ...] = ()
    providers: tuple[ProviderCard, ...] = ()
    own_users: bool = True
    other_account: bool = False


@dataclass(frozen=True, kw_only=True)
class ScopeLine:
    """
    One requested scope; ``new`` if the user has not consented to it before.

    A ``required`` one cannot be left out.
    """

    name: str
    description: str
    new: bool
    required: bool = False


# Of the names of the checkboxes. Each has a name of its own, because repeated parameters are refused.
CHOICE_PREFIX = "scope."
# A form has at most 64 parameters. Beyond this, all permissions are allowed or denied together.
_MOST_CHOICES = 50


def can_choose(scopes: Collection[object]) -> bool:
    """Say whether the consent page lets a user leave out some of the scopes."""
    return 1 < len(scopes) <= _MOST_CHOICES


@dataclass(frozen=True, kw_only=True)
class ConsentPage:
    """
    The consent form. Posts ``transaction``, ``csrf`` and ``decision``.

    ``decision`` is ``allow`` or ``deny``. Each scope that the user leaves in is a parameter of its own.
    ``remembered``: the user allowed all of it before. ``signs_in``: the application asks who the user
    is, and nothing else.
    ``switch_account_action`` gets a POST of ``transaction`` and ``csrf``; without it the page offers
    no other account. ``provider`` is where the user signs in next, if nobody is signed in yet;
    ``username`` is then ``None``.
    """

    service: str
    action: str
    transaction: str
    csrf: str
    client: ClientCard
    resource: str
    resource_name: str | None
    scopes: tuple[ScopeLine, ...]
    remembered: bool = False
    signs_in: bool = False
    problem: str | None = None
    username: str | None
    switch_account_action: str | None
    provider: ProviderCard | None = None
    other_account: bool = False

    @property
    def choosable(self) -> bool:
        """Whether each scope has a checkbox."""
        return can_choose(self.scopes)

    @property
    def choice_prefix(self) -> str:
        """What the name of a checkbox has before the scope."""
        return CHOICE_PREFIX


@dataclass(frozen=True, kw_only=True)
class ErrorPage:
    """An error: what happened, what to do, the reason code and the correlation id."""

    service: str
    title: str
    explanation: str
    what_to_do: str | None
    code: str
    correlation_id: str


@dataclass(frozen=True, kw_only=True)
class MessagePage:
    """A message without a form."""

    service: str
    title: str
    text: str


@dataclass(frozen=True, kw_only=True)
class ContinuePage:
    """A link to an application with a private-use scheme; the page stays open behind it."""

    service: str
    client: ClientCard
    target: str


@dataclass(frozen=True, kw_only=True)
class GrantCard:
    """What one installation of an application may do; times are in seconds since 1970."""

    id: str
    resource: str
    resource_name: str | None
    permissions: tuple[ScopeLine, ...]
    browser: str | None
    since: float
    last_used: float | None


@dataclass(frozen=True, kw_only=True)
class ApplicationCard:
    """An application with access. ``name`` is unverified, as in ``ClientCard``."""

    name: str | None
    identifier: str
    identifier_host: str | None
    grants: tuple[GrantCard, ...]


@dataclass(frozen=True, kw_only=True)
class ConnectionCard:
    """An account that a server's tools may use; times are in seconds since 1970."""

    id: str
    provider: str
    account: str
    resource: str
    resource_name: str | None
    since: float
    last_used: float | None


@dataclass(frozen=True, kw_only=True)
class KeyCard:
    """A service whose key the user pastes for a server; times are in seconds since 1970."""

    title: str
    resource: str
    resource_name: str | None
    # Of the key that is kept, if there is one.
    id: str | None = None
    since: float = 0.0
    last_used: float | None = None


@dataclass(frozen=True, kw_only=True)
class AccountPage:
    """
    The applications with access to an account, and the accounts that are connected to it.

    ``end_action`` gets a POST of ``csrf`` and ``grant``, or of ``csrf`` and ``client`` for all of an
    application; ``disconnect_action`` one of ``csrf`` and ``connection``, and ``key_action`` one
    of ``csrf`` and ``resource``. ``ended`` says what has just ended.
    """

    service: str
    username: str
    applications: tuple[ApplicationCard, ...]
    connections: tuple[ConnectionCard, ...] = ()
    keys: tuple[KeyCard, ...] = ()
    csrf: str
    end_action: str
    disconnect_action: str = ""
    key_action: str = ""
    sign_out_action: str
    ended: str | None = None


@dataclass(frozen=True, kw_only=True)
class ConnectPage:
    """
    The form that connects an account. Posts ``link``, ``csrf`` and ``decision``.

    ``decision`` is ``connect`` or ``cancel``.

    ``scopes`` are those that the provider is asked for, beside what identifies the account.
    """

    service: str
    action: str
    link: str
    csrf: str
    resource: str
    resource_name: str | None
    provider: ProviderCard
    scopes: tuple[str, ...]
    username: str
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class PasteKeyPage:
    """
    The form in which a user pastes a key. Posts ``link``, ``csrf``, ``key`` and ``decision``.

    ``decision`` is ``connect`` or ``cancel``. The page never shows a key.
    """

    service: str
    action: str
    link: str
    csrf: str
    resource: str
    resource_name: str | None
    title: str
    origin: str
    username: str
    problem: str | None = None


Page = (
    SignInPage
    | ConsentPage
    | ErrorPage
    | MessagePage
    | ContinuePage
    | AccountPage
    | ConnectPage
    | PasteKeyPage
)

# No form-action: Chromium applies it to the redirect after a POST too, which goes to the client's
# redirect URI. The Allow button would do nothing.
# data: is for the icon of the tab; the pages have no other image.
_CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
    "base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS: tuple[tuple[str, str], ...] = (
    ("Content-Security-Policy", _CONTENT_SECURITY_POLICY),
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
    ("X-Robots-Tag", "noindex"),
)

_NAMES = {
    SignInPage: "sign_in.html",
    ConsentPage: "consent.html",
    ErrorPage: "error.html",
    MessagePage: "message.html",
    ContinuePage: "continue.html",
    AccountPage: "account.html",
    ConnectPage: "connect.html",
    PasteKeyPage: "paste_key.html",
}


def _destination_of(client: ClientCard) -> Destination:
    return read_destination(client.redirect_uri, loopback_only=client.loopback_only)


def _minute(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %B %Y, %H:%M UTC").lstrip("0")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["style"] = Markup(_STYLE)  # noqa: S704 - our own file
    environment.filters["plain"] = safe_text.plain
    environment.filters["quoted"] = safe_text.quoted
    environment.filters["uri"] = safe_text.visible_uri
    environment.filters["host"] = read_host
    environment.filters["link"] = safe_text.link
    environment.filters["minute"] = _minute
    environment.filters["destination"] = _destination_of
    return environment


_ENVIRONMENT = _environment()


def render(page: Page) -> bytes:
    """
    Return ``page`` as an HTML document in UTF-8; send it with ``SECURITY_HEADERS``.

    Spec: MCP 2026-07-28, security best practices (consent UI requirements)
    """
    return _ENVIRONMENT.get_template(_NAMES[type(page)]).render(page=page).encode("utf-8")
