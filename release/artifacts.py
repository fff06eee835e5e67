"""Build the wheel, the source distribution, the list of their files, and the SBOM."""

import hashlib
import json
import subprocess
import tarfile
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from release.installation import ROOT, uv

# Anybody can make the same serial number from the same components.
_SBOM_NAMESPACE = uuid.UUID("7f3f6c58-52a1-5b0e-9d53-0c6a9d6f4c11")


class NotReproducible(Exception):
    """Two builds of one commit differ; the text names the files."""


def build(destination: Path) -> list[Path]:
    """
    Build the last commit twice, and keep the files in ``destination`` if both builds are equal.

    Returns:
        The wheel and the source distribution, ``SHA256SUMS`` of all that is published, ``FILES``
        with the digest of each file inside them, and ``sbom.cdx.json``.

    Raises:
        NotReproducible: a byte differs between the two builds.
        InstallFailed: a command failed.
    """
    destination.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as name:
        # In folders of different depth: a path that gets into an archive makes them differ.
        first = _build_in(Path(name) / "a")
        second = _build_in(Path(name) / "b" / "deeper")
        if different := [
            one.name for one, two in zip(first, second, strict=True) if digest(one) != digest(two)
        ]:
            raise NotReproducible(f"Two builds of one commit differ: {', '.join(different)}")
        built = [destination / path.name for path in first]
        for path, kept in zip(first, built, strict=True):
            kept.write_bytes(path.read_bytes())
    sbom = destination / "sbom.cdx.json"
    sbom.write_text(json.dumps(bill_of_materials(), indent=1) + "\n", encoding="utf-8")
    listed = destination / "FILES"
    listed.write_text("".join(_lines(built)), encoding="utf-8")
    sums = destination / "SHA256SUMS"
    published = [*built, sbom, listed]
    sums.write_text(
        "".join(f"{digest(path)}  {path.name}\n" for path in published), encoding="utf-8"
    )
    return [*published, sums]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def contents(archive: Path) -> dict[str, bytes]:
    """Return what a wheel or a source distribution holds, by name."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist()}
    held = {}
    with tarfile.open(archive) as sdist:
        for member in sdist.getmembers():
            stream = sdist.extractfile(member)
            if stream is not None:
                held[member.name] = stream.read()
    return held


def bill_of_materials() -> dict[str, Any]:
    """
    Return the SBOM of the package with all extras, at the versions of the lock file.

    Spec: CycloneDX 1.5
    """
    exported = uv(
        "export", "--frozen", "--quiet", "--no-dev", "--all-extras", "--package", "doorward",
        "--preview-features", "sbom-export", "--format", "cyclonedx1.5",
    )  # fmt: skip
    bill: dict[str, Any] = json.loads(exported)
    # The exporter draws a number and reads the clock: two releases of one commit would differ.
    bill["serialNumber"] = f"urn:uuid:{uuid.uuid5(_SBOM_NAMESPACE, json.dumps(bill['components']))}"
    bill["metadata"]["timestamp"] = _git("show", "--no-patch", "--format=%cI", "HEAD")
    return bill


def _build_in(folder: Path) -> list[Path]:
    """Export the last commit to ``folder``, and build it there."""
    source, made = folder / "source", folder / "made"
    source.mkdir(parents=True)
    archive = folder / "source.tar"
    _git("archive", "--output", str(archive), "HEAD")
    with tarfile.open(archive) as exported:
        exported.extractall(source, filter="data")
    committed = _git("show", "--no-patch", "--format=%ct", "HEAD")
    uv("build", "--quiet", "--out-dir", made, source, cwd=folder, SOURCE_DATE_EPOCH=committed)
    return sorted(path for path in made.iterdir() if path.suffix in {".whl", ".gz"})


def _lines(archives: list[Path]) -> Iterator[str]:
    for archive in archives:
        for name, content in sorted(contents(archive).items()):
            yield f"{hashlib.sha256(content).hexdigest()}  {archive.name}: {name}\n"


def _git(*arguments: str) -> str:
    command = ("git", *arguments)
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()
