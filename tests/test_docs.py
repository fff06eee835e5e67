"""The pages that are generated say what the code does."""

import ast
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
from docs.making.includes import definition, with_files
from docs.making.rooms import layers
from docs.making.ways import WAYS, Call

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


@pytest.mark.slow
def test_no_generated_page_is_stale() -> None:
    # In a process of its own: the page of reason codes lists what is drawn in the tree of errors,
    # and the tests of this process draw branches too.
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "build.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    for target in LINK.findall(page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


PAGE = "text\n\n<!-- include: code.py -->\n\n```python\nold\n```\n\nmore\n"


def test_an_included_file_is_shown_as_it_is_now(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("new = 1\n\nother = 2\n", "utf-8")
    (tmp_path / "page.md").write_text(PAGE, "utf-8")

    assert with_files(tmp_path / "page.md", tmp_path) == PAGE.replace("old", "new = 1\n\nother = 2")


@pytest.mark.parametrize(
    ("page", "says"),
    [
        pytest.param(PAGE.replace("code.py", "gone.py"), "no file", id="no-such-file"),
        pytest.param(PAGE.replace("```", ""), "without a fenced block", id="no-block"),
        pytest.param(PAGE.replace("code.py", "code.py::gone"), "gone", id="no-such-function"),
    ],
)
def test_an_include_that_shows_nothing_is_an_error(tmp_path: Path, page: str, says: str) -> None:
    (tmp_path / "code.py").write_text("new = 1\n", "utf-8")
    (tmp_path / "page.md").write_text(page, "utf-8")

    with pytest.raises(ValueError, match=says):
        with_files(tmp_path / "page.md", tmp_path)


CODE = """import os


# Why it is so,
# in two lines.
@decorated
def wanted(a: int) -> int:
    # within
    return a


class Other:
    async def method(self) -> None:
        return None
"""


def test_one_function_is_shown_with_the_comment_above_it() -> None:
    wanted = CODE.partition("import os\n\n\n")[2].partition("\n\n\nclass")[0]

    assert definition(CODE, "wanted") == wanted
    assert definition(CODE, "Other.method") == "async def method(self) -> None:\n    return None"


@pytest.mark.parametrize("name", ["gone", "Other.gone", "wanted.a", "os"])
def test_a_name_that_is_no_function_or_class_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match="nothing is called"):
        definition(CODE, name)


ARCHITECTURE = ROOT / "docs" / "architecture.md"
PACKAGE = ROOT / "src" / "doorward"


@pytest.mark.parametrize("call", [call for way in WAYS.values() for call in way], ids=str)
def test_each_call_that_a_drawing_shows_is_defined_and_made(call: Call) -> None:
    caller = ast.parse((PACKAGE / f"{call.caller}.py").read_text("utf-8"))
    callee = ast.parse((PACKAGE / f"{call.callee}.py").read_text("utf-8"))

    defined = {getattr(node, "name", None) for node in ast.walk(callee)}
    used = {getattr(node, "attr", getattr(node, "id", None)) for node in ast.walk(caller)}
    assert call.name in defined
    assert call.name in used


def test_each_way_on_the_page_has_its_drawing() -> None:
    page = ARCHITECTURE.read_text("utf-8")

    assert re.findall(r"images/way-([a-z-]+)\.svg", page) == list(WAYS)


def test_the_page_on_architecture_names_every_package_and_nothing_that_is_not_there() -> None:
    page = ARCHITECTURE.read_text("utf-8")
    table = page.partition("| Package |")[2].partition("\n\n")[0]
    named = {
        name
        for row in table.splitlines()[2:]
        for name in re.findall(r"`([a-z_]+)(?:\.py)?`", row.split("|")[1])
    }
    shown = re.findall(r"`([a-z_]+(?:/[a-z_]+)*\.py)`", page)

    assert named == {name for row in layers(ROOT / "pyproject.toml") for name in row}
    assert [path for path in shown if not (PACKAGE / path).exists()] == []
    assert len(shown) > 5


def test_the_folders_that_the_page_on_architecture_names_exist() -> None:
    table = ARCHITECTURE.read_text("utf-8").partition("| Package |")[2].partition("\n\n")[0]
    folders = [
        PACKAGE / re.findall(r"`([a-z_]+)`", package)[0] / folder
        for _, package, inside, _ in (row.split("|") for row in table.splitlines()[2:])
        for folder in re.findall(r"`([a-z_]+)/`", inside)
    ]

    assert len(folders) > 20
    assert [str(folder) for folder in folders if not folder.is_dir()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_name_that_a_page_writes_in_full_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    if page.name == "CHANGELOG.md":
        # What a released version had may be gone since.
        text = text.partition("## [Unreleased]")[2].partition("\n## [")[0]
    names = set(re.findall(r"`(doorward(?:\.[A-Za-z_]+)+)(?:\(|`)", text))

    assert [name for name in sorted(names) if name != "doorward.toml" and not _exists(name)] == []


def _exists(name: str) -> bool:
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True
