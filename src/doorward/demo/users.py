"""The users of the demo, and what each of them may do."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

SCOPES = {
    "mcp:read": "See which tools and prompts this server has",
    "mcp:tools": "Run tools in your name",
    "mcp:prompts": "Use the server's prompts",
    "mcp:admin": "Read who did what on this server",
}


@dataclass(frozen=True, kw_only=True)
class DemoUser:
    """A demo user. ``doorward demo`` prints the password, which works only on this machine."""

    username: str
    display_name: str
    scopes: frozenset[str]
    roles: frozenset[str]

    @property
    def password(self) -> str:
        """The password. It protects nothing: the demo listens on this machine only."""
        return f"{self.username}-demo"


# Names, scopes and roles are those of the tutorial's text.
DEMO_USERS = (
    DemoUser(
        username="alice",
        display_name="Alice",
        scopes=frozenset({"mcp:read", "mcp:tools"}),
        roles=frozenset({"user"}),
    ),
    DemoUser(
        username="bob",
        display_name="Bob",
        scopes=frozenset({"mcp:read", "mcp:prompts"}),
        roles=frozenset({"user"}),
    ),
    DemoUser(
        username="admin",
        display_name="Ada Min",
        scopes=frozenset(SCOPES),
        roles=frozenset({"admin", "user"}),
    ),
    DemoUser(
        username="guest",
        display_name="Guest",
        scopes=frozenset(),
        roles=frozenset({"guest"}),
    ),
)


def users_of_own_server(scopes: Sequence[str], roles: Collection[str]) -> tuple[DemoUser, ...]:
    """
    Return the same people with the scopes and roles of a server of the user's own.

    Together they show every answer: ``alice`` has all scopes, ``bob`` the first, ``guest`` none.
    ``admin`` also has ``roles``.
    """
    may = {
        "alice": (frozenset(scopes), frozenset({"user"})),
        "bob": (frozenset(scopes[:1]), frozenset({"user"})),
        "admin": (frozenset(scopes), frozenset({"admin", "user", *roles})),
        "guest": (frozenset[str](), frozenset({"guest"})),
    }
    return tuple(
        replace(user, scopes=may[user.username][0], roles=may[user.username][1])
        for user in DEMO_USERS
    )
