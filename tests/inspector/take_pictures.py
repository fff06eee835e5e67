"""Take the tutorial's pictures of the Inspector: ``python -m tests.inspector.take_pictures``.

They show the documented ports, so nothing else may run on 9000 and 6274 meanwhile.
"""

import tempfile
from pathlib import Path

from tests.e2e.running_demo import RunningDemo
from tests.inspector.running_inspector import RunningInspector
from tests.inspector.session import browsing, session

IMAGES = Path(__file__).parents[2] / "docs" / "images"


def take_pictures(folder: Path = IMAGES) -> list[Path]:
    """Go through the demo with the Inspector as alice, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    taken: list[Path] = []
    with (
        tempfile.TemporaryDirectory() as home,
        RunningDemo(port=9000) as demo,
        RunningInspector(Path(home), port=6274) as inspector,
        browsing() as browser,
        session(browser, inspector) as person,
    ):

        def picture(name: str) -> None:
            path = folder / f"inspector-{name}.png"
            # What slides in is in its place, and what it says about the hop before is gone.
            person.settle()
            person.page.screenshot(path=path, animations="disabled")
            taken.append(path)

        person.picture = picture
        person.connect(demo.mcp, "alice", demo.password("alice"))
        person.call("add", a="2", b="40")
    return taken


if __name__ == "__main__":
    for picture in take_pictures():
        print(f"{picture.name}: {picture.stat().st_size / 1000:.0f} kB")
