"""Who can sign in to the demo, and what each of them may do."""

from dataclasses import dataclass

SCOPES = {
    "mcp:read": "See which tools and prompts this server has",
    "mcp:tools": "Run tools in your name",
    "mcp:prompts": "Use the server's prompts",
    "mcp:admin": "Read who did what on this server",
}


@dataclass(frozen=True, kw_only=True)
class Person:
    """A demo user. The password is printed at the start, and good on this machine alone."""

    username: str
    display_name: str
    scopes: frozenset[str]
    roles: frozenset[str]

    @property
    def password(self) -> str:
        """The password: nothing to guess here, and nothing to protect."""
        return f"{self.username}-demo"


# Names, scopes and roles are those of the tutorial's text.
PEOPLE = (
    Person(
        username="alice",
        display_name="Alice",
        scopes=frozenset({"mcp:read", "mcp:tools"}),
        roles=frozenset({"user"}),
    ),
    Person(
        username="bob",
        display_name="Bob",
        scopes=frozenset({"mcp:read", "mcp:prompts"}),
        roles=frozenset({"user"}),
    ),
    Person(
        username="admin",
        display_name="Ada Min",
        scopes=frozenset(SCOPES),
        roles=frozenset({"admin", "user"}),
    ),
    Person(
        username="guest",
        display_name="Guest",
        scopes=frozenset(),
        roles=frozenset({"guest"}),
    ),
)


def person(username: str) -> Person | None:
    """Return the demo user of that name, or ``None``."""
    return next((someone for someone in PEOPLE if someone.username == username), None)
