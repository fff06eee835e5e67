"""``make docs``: write the pages that are generated, and build the site."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from docs.making.pages import PAGES, ROOT, stale


class SiteIsBroken(Exception):
    """The site has a link, an anchor or a page that is wrong; the text says which."""


def build_site(folder: Path, root: Path = ROOT) -> None:
    """
    Build the site of the repository at ``root`` into ``folder``.

    Raises:
        SiteIsBroken: a link or an anchor leads nowhere, or a page is in no menu.
    """
    # Not --quiet: it takes the warnings away before --strict could count them.
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=root,
        # The theme's makers advertise their next project at every start.
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if not line.startswith("INFO")]
        raise SiteIsBroken("\n".join(said))


def main() -> int:
    """Write the pages and the site, or with ``--check`` say which pages are stale and exit 1."""
    parser = argparse.ArgumentParser(description="Write the generated pages and the site.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if stale")
    if parser.parse_args().check:
        if names := stale():
            print(f"stale, run make docs: {', '.join(names)}")
            return 1
        return 0
    print(f"comparing {len(PAGES)} pages with the code …", flush=True)
    for name in stale():
        (ROOT / name).write_text(PAGES[name](), "utf-8")
        print(f"wrote {name}")
    # They are written from the tests, which are no import of a script in this folder.
    for page in ("tests.ledger_page", "tests.attacks.page"):
        subprocess.run([sys.executable, "-m", page], cwd=ROOT, check=True)
    print("building the site …", flush=True)
    try:
        build_site(ROOT / "site")
    except SiteIsBroken as broken:
        print(broken)
        return 1
    print("built site/index.html")
    return 0
