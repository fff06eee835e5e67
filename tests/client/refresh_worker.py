"""A process that calls again and again with a token that is always near its end."""

import asyncio
import sys
from pathlib import Path

from doorward.client import FileStore, TokenStore, open_connection


async def main(url: str, folder: str, rounds: int) -> None:
    """Make ``rounds`` calls at ``url`` with the token store in ``folder``; a lost session is an error."""
    token_store = TokenStore(FileStore(Path(folder)))
    async with open_connection(url, token_store=token_store, interactive=False) as connection:
        for _ in range(rounds):
            await connection.client.list_tools()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
