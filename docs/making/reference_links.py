"""A hook of MkDocs: the API reference links reason codes to their page, and sections to their RFC."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

_ANCHOR = re.compile(r'<a id="([a-z0-9-]+)"></a>')
_CODE = re.compile(r"<code>([a-z0-9]+(?:-[a-z0-9]+)+)</code>")
_LINE = re.compile(r'<a id="__codelineno-[^>]*></a>')
_SECTION = re.compile(r"RFC (\d+) §([\d.]*\d)")


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the page with these links."""
    del files
    if not page.file.src_uri.startswith("reference/"):
        return html
    text = (Path(config.docs_dir) / "reasons.md").read_text("utf-8")
    known = frozenset(_ANCHOR.findall(text))
    # Every docstring counts its lines of code from 1, so a page would have each anchor many times.
    return link_sections(link_codes(_LINE.sub("", html), known))


def link_codes(html: str, known: frozenset[str]) -> str:
    """Return ``html`` in which each of the ``known`` reason codes is a link to its entry."""

    def link(found: re.Match[str]) -> str:
        return (
            f'<a href="../reasons.html#{found[1]}">{found[0]}</a>'
            if found[1] in known
            else found[0]
        )

    return _CODE.sub(link, html)


def link_sections(html: str) -> str:
    """Return ``html`` in which ``RFC 8414 §3`` is a link to that section."""
    return _SECTION.sub(
        r'<a href="https://www.rfc-editor.org/rfc/rfc\1.html#section-\2">\g<0></a>', html
    )
