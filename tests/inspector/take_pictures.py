"""Take the tutorial's pictures of the Inspector: ``python -m tests.inspector.take_pictures``.

They show the documented ports, so nothing else may run on 9000, 8080 and 6274 meanwhile.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keycloak.server import KeycloakServer

from tests.e2e.running_demo import RunningDemo
from tests.inspector.running_inspector import RunningInspector
from tests.inspector.session import Session, browsing, session
from tests.keycloak.running import PASSWORDS
from tests.tutorial.places import STEPS_FOLDER
from tests.tutorial.running import Running

IMAGES = Path(__file__).parents[2] / "docs" / "images"


@contextmanager
def somebody(folder: Path, prefix: str, taken: list[Path]) -> Iterator[Session]:
    """Sit somebody down at the Inspector, whose every sight becomes a file."""
    with (
        tempfile.TemporaryDirectory() as home,
        RunningInspector(Path(home), port=6274) as inspector,
        browsing() as browser,
        session(browser, inspector) as person,
    ):

        def picture(name: str) -> None:
            path = folder / f"{prefix}-{name}.png"
            # What slides in is in its place, and what it says about the hop before is gone.
            person.settle()
            # Of Keycloak's pages the card alone: the rest is wallpaper, and most of the bytes.
            card = person.page.locator("main.pf-v5-c-login__main")
            if card.count():
                card.screenshot(path=path, animations="disabled")
            else:
                person.page.screenshot(path=path, animations="disabled")
            taken.append(path)

        person.picture = picture
        yield person


def at_demo(folder: Path, taken: list[Path]) -> None:
    """Go through the demo as alice."""
    with (
        RunningDemo(port=9000, environment={"DOORWARD_HOME": str(folder)}) as demo,
        somebody(folder, "inspector", taken) as person,
    ):
        person.connect(demo.mcp, "alice", demo.password("alice"))
        person.call("add", a="2", b="40")


def at_keycloak(folder: Path, taken: list[Path]) -> None:
    """Go through step 10 as mcp-admin."""
    with tempfile.TemporaryDirectory() as data:
        keycloak = KeycloakServer(Path(data) / "keycloak", port=8080)
        keycloak.start()
        try:
            with (
                Running("step10", "--env", "keycloak_direct.env", cwd=STEPS_FOLDER),
                somebody(folder, "inspector-keycloak", taken) as person,
            ):
                person.connect("http://localhost:9000/mcp", "mcp-admin", PASSWORDS["mcp-admin"])
                person.call("whoami")
        finally:
            keycloak.stop()


def take_pictures(folder: Path = IMAGES) -> list[Path]:
    """Take every picture, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    taken: list[Path] = []
    at_demo(folder, taken)
    at_keycloak(folder, taken)
    return taken


if __name__ == "__main__":
    for picture in take_pictures():
        print(f"{picture.name}: {picture.stat().st_size / 1000:.0f} kB")
