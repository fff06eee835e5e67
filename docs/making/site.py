"""Hooks of MkDocs: pages from elsewhere in the repository, code that pages link to, drawings.

The pages are written so that they also read well where the repository is shown. There a link leads
to a file; on the site it must lead to a page. So every file outside of this folder that a page links
to becomes a page that shows it.
"""

import os
import re
from collections.abc import Callable
from html import escape, unescape
from pathlib import Path, PurePosixPath

from docs.making.folding import folding
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
PAGES_FROM_ELSEWHERE = {
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "quickstart/README.md": "quickstart.md",
}
# The README is for the place where the code is hosted; its links and the site's lead home.
HOME = "README.md"
LANGUAGES = {
    ".py": "python", ".sh": "bash", ".json": "json", ".yaml": "yaml", ".env": "ini", ".toml": "toml",
}  # fmt: skip
# Whoever searches for a reason code wants what it means, and not each session in which it is seen.
# The same holds for the sentence that a client shows.
FOUND_BEFORE_OTHERS = {"reasons.md": 10, "findings/": 5, "reference/": 5}
# Hundreds of headings: the search finds them, and a list beside the page would be as long as it.
LISTS_SECTIONS_ONLY = {"reasons.md", "findings/index.md"}
FENCED = re.compile(r"^(```+|~~~+).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(\]\()(?![a-z]+:|#|<)([^)#\s]+)((?:#[^)\s]*)?\))")
COMMENT = re.compile(r"^<!--.*?-->\n", re.MULTILINE | re.DOTALL)
DRAWING = re.compile(r'<img alt="([^"]*)" src="([^"]+\.svg)" ?/?>')


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are written elsewhere, and those of the code that pages link to."""
    for name, place in PAGES_FROM_ELSEWHERE.items():
        text = (ROOT / name).read_text("utf-8")
        files.append(File.generated(config, place, content=text))
    waiting = [file.src_uri for file in files if file.src_uri.endswith(".md")]
    shown: set[str] = set()
    while waiting:
        page = waiting.pop()
        file = files.get_file_from_path(page)
        if file is None:
            continue
        for path in _code_linked_from(page, file.content_string):
            if path not in shown:
                shown.add(path)
                code = File.generated(config, code_page(path), content=show_code(path))
                files.append(code)
                waiting.append(code.src_uri)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the page with links that lead to pages, and without the notes of its makers."""
    del config, files
    place = page.file.src_uri
    if place.startswith("code/"):
        # Source has every word of every page in it.
        page.meta["search"] = {"exclude": True}
    for beginning, boost in FOUND_BEFORE_OTHERS.items():
        if place.startswith(beginning):
            page.meta["search"] = {"boost": boost}

    def prose(text: str) -> str:
        text = COMMENT.sub("", text)
        return LINK.sub(lambda link: link[1] + leads_to(link[2], place) + link[3], text)

    return _outside_of_code(markdown, prose)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the page with its drawings inside of it, and with what a phone needs to show it."""
    del files
    if page.file.src_uri in LISTS_SECTIONS_ONLY:
        for section in (section for title in page.toc for section in title.children):
            section.children.clear()
    folder = Path(config.docs_dir) / PurePosixPath(page.file.src_uri).parent

    def inline(found: re.Match[str]) -> str:
        drawing = (folder / found[2]).read_text("utf-8")
        name = escape(unescape(found[1]))
        return drawing.replace("<svg ", f'<svg role="img" aria-label="{name}" ', 1).strip()

    return folding(DRAWING.sub(inline, html))


def leads_to(target: str, place: str) -> str:
    """Return where ``target``, a link to a file as the page at ``place`` has it, leads on the site."""
    path = _in_repository(target, place)
    if not (ROOT / path).exists():
        return target  # MkDocs says what is wrong with it
    if path == HOME:
        wanted = "index.md"
    elif path in PAGES_FROM_ELSEWHERE:
        wanted = PAGES_FROM_ELSEWHERE[path]
    elif path.startswith("docs/") and not path.endswith(".py"):
        wanted = path.removeprefix("docs/")
    else:
        wanted = code_page(path)
    return os.path.relpath(wanted, PurePosixPath(place).parent)


def code_page(path: str) -> str:
    """Return the place of the page that shows a file or a folder of the repository."""
    # What begins with a dot is hidden from MkDocs.
    seen = "/".join(part.lstrip(".") for part in path.split("/"))
    return f"code/{seen}/index.md" if (ROOT / path).is_dir() else f"code/{seen}.md"


def show_code(path: str) -> str:
    """Return a page that shows a file, or that lists what a folder has."""
    here = ROOT / path
    if here.is_dir():
        names = sorted(one.name for one in here.iterdir() if _is_shown(one))
        entries = "\n".join(f"- [{name}]({_up_to_root(path)}{path}/{name})" for name in names)
        return f"# {path}\n\n{entries}\n"
    text = here.read_text("utf-8")
    fence = "````" if "```" in text else "```"
    language = LANGUAGES.get(here.suffix, "text")
    return f"# {path}\n\n{fence}{language}\n{text.rstrip()}\n{fence}\n"


def _is_shown(path: Path) -> bool:
    hidden = path.name.startswith((".", "__")) and path.name != ".env.example"
    return not hidden and (path.is_dir() or path.suffix in LANGUAGES or path.suffix == ".md")


def _up_to_root(path: str) -> str:
    # A page of code stands in docs/code/ as the links on it see it.
    return "../" * (len(PurePosixPath(path).parts) + 2)


def _code_linked_from(place: str, text: str) -> set[str]:
    prose = FENCED.sub("", text)
    targets = {_in_repository(link[2], place) for link in LINK.finditer(prose)}
    return {
        path
        for path in targets
        if (ROOT / path).exists()
        and path not in {HOME, *PAGES_FROM_ELSEWHERE}
        and (not path.startswith("docs/") or path.endswith(".py"))
    }


def _in_repository(target: str, place: str) -> str:
    elsewhere = {page: name for name, page in PAGES_FROM_ELSEWHERE.items()}
    source = PurePosixPath(elsewhere.get(place, f"docs/{place}"))
    return os.path.normpath(source.parent / target)


def _outside_of_code(markdown: str, change: Callable[[str], str]) -> str:
    parts: list[str] = []
    end = 0
    for block in FENCED.finditer(markdown):
        parts += [change(markdown[end : block.start()]), block[0]]
        end = block.end()
    return "".join([*parts, change(markdown[end:])])
