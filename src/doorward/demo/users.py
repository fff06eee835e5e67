"""The users of the demo, and what each of them may do."""

from dataclasses import dataclass

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


def find_demo_user(username: str) -> DemoUser | None:
    """Return the demo user of that name, or ``None``."""
    return next((user for user in DEMO_USERS if user.username == username), None)
