"""The servers that are compared, each an ASGI application around the same ``add``."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Literal, NamedTuple


class Contender(NamedTuple):
    """
    One server of the comparison.

    ``place`` is ``module:function`` in this package; the function makes the application from the
    address of the issuer's keys. ``guarded`` says that it must refuse bad tokens; ``calls`` names
    the set of calls it is asked: one token, a token that is new each time, or one and the same.
    ``bare`` runs it as doorward's own servers are run, by ``doorward.serving.serve``. ``command`` is
    for a server in another language: it gets the listening descriptor, the address of the keys, and
    then ``options``.
    """

    name: str
    label: str
    place: str = ""
    guarded: bool = True
    calls: Literal["known", "new", "same"] = "known"
    bare: bool = False
    command: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def build(self, keys_url: str) -> Callable[..., Any]:
        """Return the application; imports what it needs and nothing of the others."""
        module, _, function = self.place.partition(":")
        application: Callable[..., Any] = getattr(import_module(f"{__name__}.{module}"), function)(
            keys_url
        )
        return application


CONTENDERS: tuple[Contender, ...] = (
    Contender("floor", "raw ASGI, constant answer", "floor:build", guarded=False, calls="same"),
    Contender(
        "floor-bare",
        "raw ASGI on doorward's own connections",
        "floor:build",
        guarded=False,
        calls="same",
        bare=True,
    ),
    Contender("doorward", "**doorward**, known token", "doorward_server:build", bare=True),
    Contender(
        "doorward-new",
        "**doorward**, every token new",
        "doorward_server:build",
        calls="new",
        bare=True,
    ),
    Contender(
        "doorward-usual",
        "**doorward**, known token, in uvicorn's usual setting",
        "doorward_server:build",
    ),
    Contender(
        "sdk-doorward",
        "official SDK behind the **doorward** guard, known token",
        "adapters:build_sdk",
    ),
    Contender("sdk", "official SDK, no auth", "sdk_server:build_open", guarded=False),
    Contender("sdk-pyjwt", "official SDK, PyJWT verifier, JSON", "sdk_server:build_verifying"),
    Contender(
        "quickstart", "official SDK, as the quickstart has it", "sdk_server:build_quickstart"
    ),
    Contender(
        "fastmcp-doorward",
        "FastMCP behind the **doorward** guard, known token",
        "adapters:build_fastmcp",
    ),
    Contender("fastmcp-open", "FastMCP, no auth", "fastmcp_server:build_open", guarded=False),
    Contender("fastmcp", "FastMCP with its JWTVerifier", "fastmcp_server:build"),
)
BY_NAME = {contender.name: contender for contender in CONTENDERS}
