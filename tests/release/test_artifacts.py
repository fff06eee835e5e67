"""What a release holds: built twice, listed, and installed where nothing else is."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from release import __main__ as command
from release import artifacts
from release.installation import ROOT, InstallFailed, pythons_here, run_outside
from release.trial import ADAPTERS, EXTRAS

pytestmark = [pytest.mark.e2e, pytest.mark.needs("uv")]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Build a release; it fails when two builds of the commit differ."""
    return {path.name: path for path in artifacts.build(tmp_path_factory.mktemp("dist"))}


@pytest.fixture(scope="module")
def wheel(built: dict[str, Path]) -> Path:
    """Return the wheel."""
    return next(path for name, path in built.items() if name.endswith(".whl"))


def test_every_published_file_has_its_digest(built: dict[str, Path]) -> None:
    sums = built["SHA256SUMS"].read_text().splitlines()

    assert {line.split("  ")[1] for line in sums} == set(built) - {"SHA256SUMS"}
    for line in sums:
        digest, name = line.split("  ")
        assert hashlib.sha256(built[name].read_bytes()).hexdigest() == digest


def test_the_list_of_files_names_every_file_of_both_archives(built: dict[str, Path]) -> None:
    listed = built["FILES"].read_text().splitlines()

    for name, path in built.items():
        if name.endswith((".whl", ".gz")):
            held = artifacts.contents(path)
            expected = {
                f"{hashlib.sha256(content).hexdigest()}  {name}: {inner}"
                for inner, content in held.items()
            }
            assert expected == {line for line in listed if f"  {name}: " in line}


def test_the_wheel_holds_the_package_and_its_licence_alone(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in artifacts.contents(wheel)}

    assert {re.sub(r"-.*\.", ".", top) for top in tops} == {"doorward", "doorward.dist-info"}


def test_the_source_distribution_can_be_installed(built: dict[str, Path], tmp_path: Path) -> None:
    sdist = next(path for name, path in built.items() if name.endswith(".gz"))
    tops = {name.split("/")[1] for name in artifacts.contents(sdist)}

    # Packages that uv finds beside it would be parts of one workspace.
    assert tops == {"CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml", "src"} | (
        tops & {".gitignore"}
    )
    command.trial(sdist, tmp_path, python=pythons_here()["3.11"])


def test_the_bill_of_materials_has_every_locked_dependency(built: dict[str, Path]) -> None:
    bill = json.loads(built["sbom.cdx.json"].read_text())

    named = {one["name"]: one for one in bill["components"]}
    assert {"cryptography", "asyncpg", "mcp", "fastmcp", "opentelemetry-sdk"} <= set(named)
    assert "pytest" not in named
    locked = (ROOT / "uv.lock").read_text()
    assert f'name = "cryptography"\nversion = "{named["cryptography"]["version"]}"' in locked


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_the_wheel_works_on_every_python_of_this_machine(
    wheel: Path, tmp_path: Path, version: str
) -> None:
    # A release needs all of them: its workflow installs them. Here, those that the machine has.
    python = pythons_here().get(version)

    if python is not None:
        command.trial(wheel, tmp_path, python=python)


def test_an_extra_that_is_not_installed_is_noticed(wheel: Path, tmp_path: Path) -> None:
    command.trial(wheel, tmp_path / "with", python=pythons_here()["3.11"], extra="otel")

    folder = tmp_path / "with" / "work"
    with pytest.raises(InstallFailed, match="otel gives ''"):
        run_outside(
            tmp_path / "with" / "venv" / "bin" / "python", "trial.py", "fastapi", cwd=folder
        )


def test_every_extra_is_tried() -> None:
    bill = (ROOT / "pyproject.toml").read_text().partition("[project.optional-dependencies]")[2]
    extras = set(re.findall(r"^(\w+) = \[", bill.partition("\n\n")[0], re.MULTILINE))

    assert extras == {*ADAPTERS, *EXTRAS} - {"fastapi"}


def test_a_tag_that_is_not_the_version_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAG", "v0.0.1")

    assert command.main([]) == 1
    assert "the tag is v0.0.1" in capsys.readouterr().err
