"""Use what is installed, as its users do. Run by the Python of an installation: ``trial.py fastapi mcp``.

It knows nothing of the repository: the examples are copied beside it.
"""

import asyncio
import importlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from doorward import AuthorizationServer, ConfigurationError, DoorwardError
from doorward.authserver import AuthServerSettings, Resource
from doorward.testing import run_server


def call_a_protected_tool(example: str) -> None:
    """Run an example with a provider of its own; call it as a user, and without a token."""
    module = importlib.import_module(example)
    with run_server(module.app, module.guard) as server:
        alice = server.as_user("alice", scopes={"orders:read"})
        tools = [tool.name for tool in alice.list_tools()]
        expect(tools == ["my_orders"], f"alice sees {tools}")
        text = alice.call_tool("my_orders").text
        expect("an order of alice" in text, f"my_orders answers {text!r}")
        status = server.answer_to(server.bad_token("expired")).status_code
        expect(status == 401, f"an expired token is answered with {status}")


def open_postgresql() -> str:
    """Return the reason for which a server on an unreachable PostgreSQL does not start."""
    settings = AuthServerSettings(
        issuer="http://localhost:9000",
        resources=(
            Resource(uri="http://localhost:8000/mcp", scopes={"orders:read": "Read orders"}),
        ),
        # Port 1 of this machine: nothing listens there.
        database_url="postgresql+asyncpg://doorward@127.0.0.1:1/doorward",
        secret_file=Path(tempfile.mkdtemp()) / "secret",
    )
    return reason_of(lambda: asyncio.run(AuthorizationServer(settings).start()))


def make_spans() -> str:
    """Return the reason for which no spans can be made."""
    from doorward.operations.tracing import Tracing

    return reason_of(Tracing)


def ask_aws() -> str:
    """Return the reason for which a workload without credentials gets no token."""
    from doorward.client.workload.aws import AwsSts

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    return reason_of(lambda: asyncio.run(AwsSts()("http://localhost:8000/mcp")))


def reason_of(attempt: Callable[[], object]) -> str:
    """Return the reason code of what is missing on this machine, or an empty string."""
    try:
        attempt()
    except ConfigurationError as error:
        return error.reason
    except DoorwardError:
        # The library is there, and its server is not.
        pass
    return ""


def expect(condition: bool, seen: str) -> None:
    """Exit with what was seen unless the condition holds."""
    if not condition:
        sys.exit(f"not as expected: {seen}")


# What works with an extra, and the reason that is given without it.
EXTRAS: dict[str, tuple[Callable[[], str], str]] = {
    "postgres": (open_postgresql, "no-database-driver"),
    "otel": (make_spans, "no-opentelemetry"),
    "aws": (ask_aws, "no-botocore"),
}
ADAPTERS = {
    "fastapi": "protect_fastapi",
    "mcp": "protect_official_sdk",
    "fastmcp": "protect_fastmcp",
}


def main(installed: list[str]) -> None:
    """Try what is named; what is not, must say which extra it needs."""
    for name in installed:
        if name in ADAPTERS:
            call_a_protected_tool(ADAPTERS[name])
    for name, (attempt, without) in EXTRAS.items():
        reason = attempt()
        expect((reason == without) == (name not in installed), f"{name} gives {reason!r}")


if __name__ == "__main__":
    main(sys.argv[1:])
