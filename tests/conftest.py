"""What every test may need, and the rule about missing parts of the machine."""

import asyncio
import gc
import os
import select
import shutil
import signal
import ssl
import sys
from collections.abc import Callable, Generator, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zlib import crc32

import httpcore2
import pytest
import uvicorn.server
from hypothesis import HealthCheck, settings

from keycloak import distribution, trouble
from release.installation import find_uv
from tests.e2e.round_robin import find_nginx
from tests.idp import running_hydra
from tests.keycloak.running import RunningKeycloak
from tests.postgresql import cluster

# A wall-clock deadline per example says how busy the machine is, not whether the code is right.
settings.register_profile("doorward", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("doorward")
# For the fast layer. Full runs draw Hypothesis's hundred examples.
settings.register_profile("fast", settings.get_profile("doorward"), max_examples=20)

# FastMCP draws the traceback of each error that a tool raises on purpose in a box with syntax
# highlighting, which takes longer than the test.
os.environ.setdefault("FASTMCP_ENABLE_RICH_TRACEBACKS", "false")

# Each HTTP client would read the certificates of all authorities again: 40 ms.
_default_ssl_context = httpcore2.default_ssl_context
_read_certificates = cache(lambda _variables, **given: _default_ssl_context(**given))
httpcore2.__dict__["default_ssl_context"] = lambda **given: _read_certificates(
    (os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")), **given
)

_create_default_context = ssl.create_default_context
_create_context_once = cache(lambda _variables: _create_default_context())


def _shared_context(*given: Any, **options: Any) -> ssl.SSLContext:
    """Return the context with the authorities of the machine, which nothing changes, or a new one."""
    if given or options:
        return _create_default_context(*given, **options)
    return _create_context_once((os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")))


ssl.__dict__["create_default_context"] = _shared_context

# httpx2's ASGI transport looks for it at each request; a module that is missing is searched for in
# each folder of the path every time.
if find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]

# A shell starts background jobs with SIGINT ignored, and so would every process that a test
# starts: none would end at Ctrl-C. A handler of Python's own is not inherited.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class _Impatient:
    """asyncio for uvicorn, which looks ten times a second whether to end, and here more often."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    @staticmethod
    async def sleep(seconds: float) -> None:
        """Wait for a twentieth of the time."""
        await asyncio.sleep(seconds / 20)


# Two hundred tests end a server, and each would wait for uvicorn's next look twice.
uvicorn.server.__dict__["asyncio"] = _Impatient()

ROOT = Path(__file__).parent.parent
ON_CI = os.environ.get("CI") == "true"


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


def _node_clients() -> str | None:
    installed = ROOT / "tests" / "clients" / "node_modules" / "@modelcontextprotocol" / "client"
    return str(installed) if installed.exists() else None


def _go_servers() -> str | None:
    built = ROOT / "tests" / "clients" / "go" / ".cache" / "everything-server"
    return str(built) if built.exists() else None


def _keycloak() -> str | None:
    # Ready, or to be had: a Java that is new enough to run it, and Maven to fetch it.
    try:
        distribution.java()
    except trouble.CannotStart:
        return None
    if distribution.is_ready():
        return str(distribution.home())
    return os.environ.get("KEYCLOAK_ZIP") or shutil.which("mvn")


PARTS: dict[str, tuple[Callable[[], object], str]] = {
    "chromium": (_chromium, "Chromium is not installed (Debian: apt-get install chromium)"),
    "node-clients": (_node_clients, "the npm clients are not installed (run: make test)"),
    "epoll": (lambda: getattr(select, "epoll", None) and "epoll", "epoll is Linux's own"),
    "uv": (find_uv, "uv is not installed (run: make setup)"),
    "desktop-keyring": (
        lambda: shutil.which("gnome-keyring-daemon") and shutil.which("dbus-run-session"),
        "no desktop keyring is installed (Debian: apt-get install gnome-keyring dbus)",
    ),
    "go": (
        lambda: shutil.which("go"),
        "Go is not installed, and builds the OpenTelemetry Collector",
    ),
    "go-servers": (_go_servers, "the example servers in Go are not built (run: make test)"),
    "hydra": (
        running_hydra.found,
        "Ory Hydra is built with Go 1.24 or newer and a C compiler, and one of them is missing",
    ),
    "nginx": (find_nginx, "nginx is not installed (Debian: apt-get install nginx-light)"),
    "podman": (
        lambda: shutil.which("podman") and shutil.which("mmdebstrap"),
        "podman or mmdebstrap is not installed (Debian: apt-get install podman runc mmdebstrap)",
    ),
    "postgresql": (
        cluster.programs,
        "PostgreSQL is not installed (Debian: apt-get install postgresql)",
    ),
    "promtool": (
        lambda: shutil.which("promtool"),
        "Prometheus is not installed (Debian: apt-get install prometheus)",
    ),
    "sqlite3": (
        lambda: shutil.which("sqlite3"),
        "the sqlite3 command is not installed (Debian: apt-get install sqlite3)",
    ),
    "systemd": (
        lambda: shutil.which("systemd-analyze"),
        "systemd-analyze is not installed (Debian: apt-get install systemd)",
    ),
    "keycloak": (
        _keycloak,
        "Java 17 or Maven is missing (Debian: apt-get install openjdk-17-jre-headless maven)",
    ),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--fast``, which chooses the fast layer."""
    parser.addoption(
        "--fast",
        action="store_true",
        help="leave out tests marked e2e, postgresql or slow; draw 20 examples for each property",
    )
    parser.addoption(
        "--share", metavar="N/M", help="collect the N-th of M shares of the test files"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Choose the tests of the fast layer for ``--fast``."""
    if config.getoption("--fast"):
        config.option.markexpr = "not e2e and not postgresql and not slow"
        settings.load_profile("fast")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the test files of other shares. A file stays in its share whatever is added."""
    if not config.getoption("--share") or not collection_path.match("test_*.py"):
        return None
    number, of = map(int, config.getoption("--share").split("/"))
    path = collection_path.relative_to(ROOT).as_posix()
    return True if crc32(path.encode()) % of != number - 1 else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """
    Keep modules and collected tests from the garbage collector.

    Otherwise it walks nine thousand tests again and again, which takes a tenth of the whole run. For
    the same reason, it runs after 100,000 allocations instead of 700.
    """
    gc.disable()
    gc.set_threshold(100_000, 20, 20)
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def _streams_go_on() -> None:
    """Forget that a server of this process was told to stop: the SDK's streams would all end at once."""
    # sse-starlette keeps it for the whole process, and tests start many servers in one.
    loaded = sys.modules.get("sse_starlette.sse")
    if loaded is not None:
        loaded.AppStatus.should_exit = False


# Measured: what takes 0.04 seconds of CPU on average, with all its cases.
SLOW_TESTS = frozenset((ROOT / "tests" / "slow_tests.txt").read_text("utf-8").split())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what was measured as slow; give the first that starts Keycloak time for it."""
    for item in items:
        if item.nodeid.partition("[")[0] in SLOW_TESTS:
            item.add_marker(pytest.mark.slow)
        if "running_keycloak" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(300))


# What no package of the machine's own brings in a fitting version: said, and not failed, on CI too.
NOT_DEMANDED = {"go", "hydra"}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose part is missing on a laptop; fail it where CI=true."""
    for mark in item.iter_markers("needs"):
        part = mark.args[0]
        find, reason = PARTS[part]
        if find() is None:
            if ON_CI and part not in NOT_DEMANDED:
                pytest.fail(f"needs {part}: {reason}")
            pytest.skip(f"needs {part}: {reason}")


@pytest.fixture(scope="session")
def running_keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningKeycloak]:
    """Run a real Keycloak with the tutorial's realm on a free port, for the whole session."""
    running = RunningKeycloak(tmp_path_factory.mktemp("keycloak") / "instance")
    try:
        yield running
    finally:
        running.close()


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[cluster.Cluster]:
    """Run a real PostgreSQL on a free port, for the whole session."""
    running = cluster.Cluster()
    try:
        yield running
    finally:
        running.close()
