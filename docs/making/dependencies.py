"""The page of the direct dependencies: why each is there, and what would take its place."""

import tomllib
from dataclasses import dataclass
from importlib.metadata import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """Why the project has one dependency; dates are those of the package index."""

    why: str
    instead: str
    first: int
    by: str


# Looked up on the package index on this date.
LOOKED_UP = "2026-12-01"
DEPENDENCIES = {
    "aiosqlite": Dependency(
        why="SQLite under SQLAlchemy's asyncio engine",
        instead="a thread around `sqlite3`, which the hot paths have already",
        first=2017, by="Amethyst Reese",
    ),
    "alembic": Dependency(
        why="Migrations of the database",
        instead="SQL files and a table of versions",
        first=2011, by="SQLAlchemy's maintainers",
    ),
    "anyio": Dependency(
        why="The client runs on asyncio and on trio, as httpx2 does",
        instead="`asyncio` alone",
        first=2018, by="Alex Grönholm",
    ),
    "argon2-cffi": Dependency(
        why="Hashes of passwords (RFC 9106)",
        instead="`hashlib.scrypt`",
        first=2015, by="Hynek Schlawack",
    ),
    "cryptography": Dependency(
        why="Signatures, keys and encryption",
        instead="nothing: no other maintained library has all algorithms",
        first=2014, by="Python Cryptographic Authority",
    ),
    "fastapi": Dependency(
        why="Parameters of tools, and the integration with FastAPI applications",
        instead="a reader of signatures of our own on pydantic",
        first=2018, by="Sebastián Ramírez and a team",
    ),
    "httpcore2": Dependency(
        why="Outbound requests to the very address that was checked",
        instead="`h11` on a socket of our own",
        first=2026, by="Tom Christie and a team, as httpcore since 2019",
    ),
    "httptools": Dependency(
        why="Reads HTTP/1.1 in Doorward's own servers",
        instead="`h11`, which is slower",
        first=2015, by="MagicStack",
    ),
    "httpx2": Dependency(
        why="The MCP client's requests",
        instead="`httpcore2` alone",
        first=2026, by="Tom Christie and a team, as httpx since 2019",
    ),
    "jinja2": Dependency(
        why="Pages, with escaping by default",
        instead="`markupsafe` and templates in Python",
        first=2008, by="Pallets",
    ),
    "jsonschema-rs": Dependency(
        why="Conditions over arguments, with patterns in linear time",
        instead="`jsonschema`, which has no such limit on patterns",
        first=2024, by="Dmitry Dygalo",
    ),
    "keyring": Dependency(
        why="The client's tokens in the system's keychain",
        instead="a file that only its owner can read, which is the fallback now",
        first=2009, by="Jason R. Coombs and a team",
    ),
    "limits": Dependency(
        why="Rate limits: moving windows, and their notation",
        instead="a counter of our own, as in the database",
        first=2015, by="Ali-Akber Saifee",
    ),
    "msgspec": Dependency(
        why="Decodes messages with their types, in microseconds",
        instead="`json` and checks by hand, which are its reference in tests",
        first=2021, by="Jim Crist-Harif and a team",
    ),
    "prometheus-client": Dependency(
        why="Metrics",
        instead="the text format, written by hand",
        first=2015, by="Prometheus",
    ),
    "pydantic": Dependency(
        why="Schemas and arguments of tools",
        instead="`msgspec`, with fewer types",
        first=2017, by="Pydantic",
    ),
    "rich": Dependency(
        why="Tables and colours in the terminal",
        instead="plain text, which `--json` and pipes get now",
        first=2019, by="Will McGugan",
    ),
    "sqlalchemy": Dependency(
        why="Statements for SQLite and PostgreSQL from one source",
        instead="SQL by hand, twice",
        first=2006, by="Mike Bayer and a team",
    ),
    "starlette": Dependency(
        why="Routes and responses of the authorization server",
        instead="plain ASGI, as in the guard",
        first=2018, by="Tom Christie and a team",
    ),
    "structlog": Dependency(
        why="Logs with fields",
        instead="`logging` with a formatter",
        first=2013, by="Hynek Schlawack",
    ),
    "typer": Dependency(
        why="The command line",
        instead="`argparse`",
        first=2019, by="Sebastián Ramírez and a team",
    ),
    "uvicorn": Dependency(
        why="Runs the servers",
        instead="hypercorn or granian",
        first=2017, by="Tom Christie and a team",
    ),
    "botocore": Dependency(
        why="`AwsSts` signs requests with the credentials of the machine",
        instead="Signature Version 4 by hand",
        first=2012, by="Amazon Web Services",
    ),
    "fastmcp": Dependency(
        why="The adapter for FastMCP servers",
        instead="nothing: whoever installs it has such a server",
        first=2024, by="Prefect",
    ),
    "mcp": Dependency(
        why="The adapter for servers of the official SDK",
        instead="nothing: whoever installs it has such a server",
        first=2024, by="the MCP project",
    ),
    "opentelemetry-sdk": Dependency(
        why="Traces, metrics and audit events to a collector",
        instead="nothing: it is what collectors expect",
        first=2019, by="OpenTelemetry",
    ),
    "opentelemetry-exporter-otlp-proto-http": Dependency(
        why="Sends them over OTLP",
        instead="nothing: it is what collectors expect",
        first=2021, by="OpenTelemetry",
    ),
    "asyncpg": Dependency(
        why="PostgreSQL",
        instead="`psycopg`, which takes more CPU per statement",
        first=2016, by="MagicStack",
    ),
}  # fmt: skip


def write_dependencies() -> str:
    """Return the page: one table of what is always installed, and one of the extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [
        (f"`{extra}`", requirement)
        for extra, requirements in project["optional-dependencies"].items()
        for requirement in requirements
    ]
    return "\n".join(
        [
            "<!-- Generated by `make docs` from docs/making/dependencies.py. -->",
            "",
            "# Dependencies",
            "",
            "Every direct dependency, why it is there, and what would take its place.",
            "Tests run with the newest release of each, as locked in `uv.lock`, and with the oldest that is allowed (`make test-oldest`).",
            f"The SBOM of a release lists the indirect ones too. Years and maintainers are those of the package index on {LOOKED_UP}; a year is that of the first release.",
            "",
            "## Always installed",
            "",
            "| Package | Why | Instead | Licence | Since | Maintained by |",
            "|---|---|---|---|---|---|",
            *(_row(one) for one in project["dependencies"]),
            "",
            "## With an extra",
            "",
            "| Extra | Package | Why | Instead | Licence | Since | Maintained by |",
            "|---|---|---|---|---|---|---|",
            *(f"| {extra} {_row(one)}" for extra, one in extras),
            "",
        ]
    )


def _row(requirement: str) -> str:
    package, bound = requirement.split(">=")
    name = package.partition("[")[0]
    known = DEPENDENCIES[name]
    return (
        f"| `{name}` {bound} or newer | {known.why} | {known.instead} | {_licence(name)} "
        f"| {known.first} | {known.by} |"
    )


def _licence(name: str) -> str:
    about = metadata(name).json
    if expression := about.get("license_expression"):
        return str(expression)
    classifiers = [one for one in about.get("classifier", ()) if one.startswith("License")]
    if not classifiers:
        return str(about["license"])
    # The last part, such as that of "License :: OSI Approved :: MIT License".
    return classifiers[0].rpartition(" :: ")[2].removesuffix(" License")
