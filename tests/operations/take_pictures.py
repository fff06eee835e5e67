"""Take the picture of a trace in Zipkin: ``python -m tests.operations.take_pictures``."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.e2e.processes import free_port, started
from tests.operations.collected import TRACE, collecting, sign_in_and_call
from tests.pages.browser import chromium, new_page

IMAGE = Path(__file__).parents[2] / "docs" / "images" / "trace.png"
ZIPKIN = "io.zipkin:zipkin-server:3.5.1:jar:exec"


@contextmanager
def zipkin(folder: Path) -> Iterator[str]:
    """Run Zipkin, with its traces in memory."""
    copy = ("mvn", "-q", "dependency:copy", f"-Dartifact={ZIPKIN}", f"-DoutputDirectory={folder}")
    subprocess.run([*copy, "-Dmdep.stripVersion=true"], cwd=folder, check=True)
    (jar,) = folder.glob("zipkin-server*.jar")
    port = free_port()
    command = ["java", f"-DQUERY_PORT={port}", "-jar", str(jar), f"--server.port={port}"]
    with started(command, cwd=folder, longest=600) as process:
        assert process.stdout is not None
        at = f"http://127.0.0.1:{port}"
        ends = time.monotonic() + 120
        while time.monotonic() < ends:
            try:
                httpx2.get(f"{at}/health", timeout=5).raise_for_status()
                break
            except httpx2.HTTPError:
                time.sleep(0.5)
        yield at


def _until_received(at: str) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        if "post /mcp" in httpx2.get(f"{at}/api/v2/trace/{TRACE}").text.lower():
            return
        time.sleep(0.5)
    raise AssertionError("Zipkin has not received the last span")


def take_picture(image: Path = IMAGE) -> Path:
    """Draw one sign-in at a provider and one call, as Zipkin shows their trace."""
    with tempfile.TemporaryDirectory() as name, zipkin(folder := Path(name)) as at:
        with collecting(folder, zipkin=at) as collector:
            sign_in_and_call(folder, collector.endpoint)
            collector.text()
            _until_received(at)
        with (
            chromium() as browser,
            new_page(browser, {"width": 1400, "height": 1300}, scale=1) as watched,
        ):
            watched.page.goto(f"{at}/zipkin/traces/{TRACE}")
            watched.page.get_by_text("doorward: post /mcp").wait_for()
            watched.page.screenshot(path=image)
    return image


if __name__ == "__main__":
    print(take_picture().name)
