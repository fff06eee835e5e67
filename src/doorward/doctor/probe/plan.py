"""What the user allows a run to do, and the credentials that it holds while it runs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol


class Receiver(Protocol):
    """What receives the authorization response: a listener, or a URL that the user pastes."""

    @property
    def redirect_uri(self) -> str:
        """The redirect URI to register and to send."""
        ...

    def expect(self, state: str) -> None:
        """Accept the response with ``state`` from now on."""
        ...

    async def answer(self, state: str, timeout: float) -> dict[str, str]:  # noqa: ASYNC109
        """Return the parameters of the response."""
        ...


SignInKind = Literal["none", "browser", "paste", "device", "token"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """
    The options of a run.

    ``persona`` is the name of a client, or empty for all. ``open_url`` shows a URL to the user,
    ``read_line`` reads the URL that the browser ends on, ``show_code`` a device code and its URL.
    ``sleep`` waits, in seconds. ``issuer`` alone gets ``client_secret``: a server could name its own. With ``patient`` the run waits for the token to expire.
    """

    persona: str = ""
    sign_in: SignInKind = "none"
    token: str | None = field(default=None, repr=False)
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    issuer: str | None = None
    scope: str | None = None
    port: int = 0
    patient: bool = False
    timeout: float = 300.0
    open_url: Callable[[str], object] | None = None
    read_line: Callable[[], str] | None = None
    show_code: Callable[[str, str], object] | None = None
    sleep: Callable[[float], Awaitable[None]] | None = None


@dataclass
class Credentials:
    """Secrets of a run; they are never evidence."""

    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    auth_method: str = "none"
    redirect_uri: str = "http://127.0.0.1:8765/callback"
    management: tuple[str, str] | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    session: str | None = field(default=None, repr=False)
    receiver: Receiver | None = None
    left_behind: list[str] = field(default_factory=list)
