"""Make keys, and access tokens signed with them, for steps 5 to 9 of the tutorial.

    uv run python generate_token.py --generate-keys
    uv run python generate_token.py --username alice --scopes mcp:read,mcp:tools
    uv run python generate_token.py --demo

The token alone goes to standard output, so that it can be piped. This is an issuer without a
sign-in: whoever can run it can be anybody. Step 10 brings a real one.
"""

import argparse
import os
import re
import sys

from doorward.cli.server.key_file import read_key
from doorward.errors import ConfigurationError
from doorward.testing import PrivateKey, TokenMint
from doorward.wire.address import require_issuer, require_resource
from doorward.wire.oauth.scope import parse_scope
from mcp_http.keys import PRIVATE_KEY, PUBLIC_KEY, folder

# Who exists, in which role, and which scopes they are given by --demo.
USERS = {
    "alice": ("user", "mcp:read,mcp:tools"),
    "bob": ("user", "mcp:read,mcp:prompts"),
    "admin": ("admin", "mcp:read,mcp:tools,mcp:prompts"),
    "guest": ("guest", ""),
}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def generate_keys() -> None:
    """Write a new pair: the private half for its owner alone, the public half for the servers."""
    key = PrivateKey.generate("RS256")
    private, public = folder() / PRIVATE_KEY, folder() / PUBLIC_KEY
    try:
        # Written beside and moved over: whoever reads it meanwhile sees a whole key, and the file
        # never exists with a mode that lets others read it.
        fresh = private.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key.to_pem())
        fresh.replace(private)
        public.write_bytes(key.public_pem())
    except OSError as problem:
        raise ConfigurationError(
            "unwritable-key",
            f"{problem.filename} cannot be written: {problem.strerror}.",
            "Run this in a folder that you may write to, or name one with MCP_KEYS.",
        ) from None
    print(f"Wrote {private} (keep it secret) and {public}.", file=sys.stderr)
    print("Running servers still use the old key. Restart them.", file=sys.stderr)


def seconds(span: str) -> int:
    """Return the length of `90s`, `30m`, `8h` or `2d` in seconds; a bare number is hours."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([smhd]?)", span)
    if match is None:
        raise argparse.ArgumentTypeError(f"{span!r} is no span: write 90s, 30m, 8h or 2d")
    return int(match[1]) * UNITS[match[2] or "h"]


def mint_token(mint: TokenMint, username: str, scopes: str, roles: str | None) -> str:
    """Return a token for `username`; `scopes` and `roles` are separated by commas."""
    granted = parse_scope(" ".join(scopes.replace(",", " ").split()))
    if granted is None:
        raise ConfigurationError(
            "malformed-scope", f"{scopes!r} is no list of scopes.", "Write mcp:read,mcp:tools."
        )
    known = USERS.get(username, ("user", ""))[0]
    return mint.mint(
        username,
        scopes=granted,
        roles=(known if roles is None else roles).replace(",", " ").split(),
        preferred_username=username,
    )


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description="Make keys, and access tokens signed with them, for steps 5 to 9."
    )
    add = parser.add_argument
    add("--username", help="whom the token is for")
    add("--scopes", default="mcp:read,mcp:tools", help="separated by commas; '' for none")
    add(
        "--roles", help="separated by commas (default: admin for admin, guest for guest, else user)"
    )
    add("--expires", type=seconds, default=3600, help="90s, 30m, 8h, 2d; a number is hours (1h)")
    add("--audience", default="http://localhost:9000/mcp", help="the server the token is for")
    add("--issuer", default="http://localhost:9000", help="who the token says it comes from")
    add("--demo", action="store_true", help="print a token for alice, bob, admin and guest")
    add("--generate-keys", action="store_true", help=f"make {PRIVATE_KEY} and {PUBLIC_KEY} anew")
    chosen = parser.parse_args()
    if not (chosen.username or chosen.demo or chosen.generate_keys):
        parser.error("say --username NAME, --demo or --generate-keys")
    return chosen


def main() -> None:
    """Do what the command line says, or end with one sentence."""
    chosen = arguments()
    try:
        if chosen.generate_keys:
            generate_keys()
        if not (chosen.username or chosen.demo):
            return
        mint = TokenMint(
            require_issuer(chosen.issuer),
            require_resource(chosen.audience),
            key=read_key(folder() / PRIVATE_KEY),
            client_id="generate-token",
            lifetime=chosen.expires,
        )
        if chosen.username:
            print(mint_token(mint, chosen.username, chosen.scopes, chosen.roles))
        for name, (_, scopes) in USERS.items() if chosen.demo else ():
            print(f"{name} ({scopes or 'no scopes'}):")
            print(mint_token(mint, name, scopes, None), end="\n\n")
    except ConfigurationError as problem:
        hint = "Make one: uv run python generate_token.py --generate-keys"
        raise SystemExit(
            f"{problem.problem} {hint if problem.reason == 'no-key' else problem.hint}"
        ) from None


if __name__ == "__main__":
    main()
