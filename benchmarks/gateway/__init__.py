"""The gateway beside nginx and a proxy of Starlette and httpx: what each adds to a call."""
