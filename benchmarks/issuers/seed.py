"""What every server in the comparison is seeded with: one client, one user, and unspent codes."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

from doorward.wire.oauth import pkce

ISSUER = "http://localhost:9000"
RESOURCE = "http://localhost:9000/mcp"
SCOPE = "mcp:read mcp:tools"
CALLBACK = "http://127.0.0.1:41000/callback"
VERIFIER = "a-verifier-that-is-long-enough-to-be-one-of-them"
CHALLENGE = pkce.challenge_of(VERIFIER)
"""Of every code of the other servers, which do not look for challenges that were used before."""
RESOURCE_SERVER, RESOURCE_SERVER_SECRET = (
    "bench-resource-server",
    "Kp2v9sXw4nQz7rT1yB6cF3hJ8mL5dG0aE_uV-iO2sRk",
)


@dataclass(frozen=True, kw_only=True)
class Seed:
    """What a server tells the load generator once it is ready."""

    client_id: str
    codes: Sequence[str]
    verifiers: Sequence[str] = ()
    cookies: str = ""

    def redeemable(self) -> Iterator[tuple[str, str]]:
        """Give each code with its verifier."""
        return zip(self.codes, self.verifiers or repeat(VERIFIER), strict=False)

    def write(self, path: Path) -> None:
        """Write the seed where the load generator reads it."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Seed":
        """Return the seed that a server wrote."""
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(**found)
