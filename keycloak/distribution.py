"""Keycloak itself: found, fetched from Maven Central, unpacked and built, once."""

import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

from keycloak.trouble import CannotStart

VERSION = "26.7.4"
OLDEST_JAVA = 17
CACHE = Path(__file__).parent / ".cache"
CONTAINER = f"quay.io/keycloak/keycloak:{VERSION}"

_ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
_SHELL = "/bin/sh"
_LONGEST_FETCH = 900.0
_LONGEST_BUILD = 600.0
# A build is for one database and one set of features; another mark here asks for another build.
_BUILD = ("build", "--db=dev-file")
_MARK = ".built-dev-file"


def java_environment(runtime: str) -> dict[str, str]:
    """Return the environment in which Keycloak's script runs that Java."""
    # The second compiler pays off after minutes of load; without it a start costs half the time.
    given = os.environ.get("JAVA_OPTS_APPEND", "")
    options = f"-XX:TieredStopAtLevel=1 {given}".strip()
    return {**os.environ, "JAVA": runtime, "JAVA_OPTS_APPEND": options}


def java() -> str:
    """
    Return the Java that runs Keycloak: the one in JAVA_HOME, or the one on the path.

    Raises:
        CannotStart: there is none, or it is too old.
    """
    home = os.environ.get("JAVA_HOME")
    command = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    hint = f"Install JDK {OLDEST_JAVA} or newer (Debian: apt-get install openjdk-17-jre-headless)."
    if command is None or not Path(command).exists():
        raise CannotStart("Java is not installed, and Keycloak runs on it.", hint)
    said = subprocess.run(  # noqa: S603
        [command, "-version"], capture_output=True, text=True, check=False
    ).stderr
    version = _java_version(said)
    if version is None or version < OLDEST_JAVA:
        found = f"Java {version}" if version else "a Java that does not say its version"
        raise CannotStart(f"{command} is {found}; Keycloak needs {OLDEST_JAVA}.", hint)
    return command


def _java_version(said: str) -> int | None:
    # "17.0.15", and "1.8.0_452" for what is called Java 8.
    match = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(match.group(1)) if match else None


def home() -> Path:
    """Return where the unpacked Keycloak is, or would be."""
    return CACHE / f"keycloak-{VERSION}"


def is_ready() -> bool:
    """Say whether Keycloak is unpacked and built."""
    return (home() / _MARK).exists()


def bring() -> Path:
    """
    Return an unpacked and built Keycloak, fetching what is missing.

    Raises:
        CannotStart: Java or Maven is missing, or the download or the build failed.
    """
    runtime = java()
    if not is_ready():
        if not home().exists():
            _unpack(_archive())
        _build(runtime)
    return home()


def _archive() -> Path:
    given = os.environ.get("KEYCLOAK_ZIP")
    if given:
        if not Path(given).is_file():
            raise CannotStart(
                f"KEYCLOAK_ZIP names {given}, which is not there.", "Correct it or unset it."
            )
        return Path(given)
    return _fetched()


def _fetched() -> Path:
    """Let Maven fetch it: it knows this machine's mirrors, proxies and checksums."""
    maven = shutil.which("mvn")
    if maven is None:
        raise CannotStart(
            "Maven is not installed, and Keycloak is fetched with it.",
            "Install it (Debian: apt-get install maven), or set KEYCLOAK_ZIP to a downloaded "
            f"keycloak-{VERSION}.zip.",
        )
    folder = CACHE / "download"
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        maven, "--batch-mode", "--quiet", "dependency:copy", f"-Dartifact={_ARTIFACT}",
        f"-DoutputDirectory={folder}",
    ]  # fmt: skip
    try:
        done = subprocess.run(  # noqa: S603
            command, cwd=folder, capture_output=True, text=True, timeout=_LONGEST_FETCH, check=False
        )
    except subprocess.TimeoutExpired as slow:
        raise CannotStart(
            "Keycloak could not be fetched in a quarter of an hour.", "Try again."
        ) from slow
    found = folder / f"keycloak-quarkus-dist-{VERSION}.zip"
    if done.returncode or not found.is_file():
        reason = next((line for line in done.stdout.splitlines() if "ERROR" in line), "no reason")
        raise CannotStart(
            f"Maven could not fetch Keycloak {VERSION}: {reason}",
            "Check the network and Maven's settings, or set KEYCLOAK_ZIP to a downloaded zip.",
        )
    return found


def _unpack(archive: Path) -> None:
    aside = CACHE / "unpacking"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(aside)
    except (OSError, zipfile.BadZipFile) as broken:
        raise CannotStart(
            f"{archive} cannot be unpacked: {broken}.", "Delete it and try again."
        ) from broken
    if not (aside / f"keycloak-{VERSION}" / "bin" / "kc.sh").is_file():
        raise CannotStart(
            f"{archive} has no keycloak-{VERSION} in it.", "Give the archive of that version."
        )
    # Moved into place when complete: an unpacking that was interrupted is never taken for one.
    (aside / f"keycloak-{VERSION}").rename(home())
    shutil.rmtree(aside, ignore_errors=True)
    shutil.rmtree(CACHE / "download", ignore_errors=True)


def _build(runtime: str) -> None:
    done = subprocess.run(  # noqa: S603
        [_SHELL, str(home() / "bin" / "kc.sh"), *_BUILD],
        env=java_environment(runtime),
        capture_output=True,
        text=True,
        timeout=_LONGEST_BUILD,
        check=False,
    )
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it said nothing"]
        raise CannotStart(
            f"Keycloak's build failed: {last[0]}", f"Delete {home()} and start again."
        )
    (home() / _MARK).touch()
