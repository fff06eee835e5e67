"""The server of ``protect_fastapi`` for many people at once, in several processes.

Run it with ``python -m examples.serve``.
"""

import os

import uvicorn

from doorward.serving import Connection

if __name__ == "__main__":
    uvicorn.run(
        "examples.protect_fastapi:app",
        port=int(os.environ.get("PORT", "8000")),
        workers=int(os.environ.get("WORKERS", "2")),
        # Bounds what a client may send and how long it may take, and sends events at once.
        http=Connection,
        loop="doorward.serving:new_event_loop",
        ws="none",
        # The address is the guard's `resource`, whatever a request says of itself.
        proxy_headers=False,
        server_header=False,
    )
