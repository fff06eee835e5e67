"""A test that fails when a tool becomes reachable by more people."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from doorward.integrations.effective_policy import effective_policy_of
from doorward.policy.matrix import matrix_of
from doorward.policy.snapshot import Change, changes, document_of, matrix_in
from doorward.wire.strict_json import parse

UPDATE = "DOORWARD_UPDATE_SNAPSHOT"


def assert_permissions_unchanged(source: object, path: str | os.PathLike[str]) -> list[Change]:
    """
    Return permissions that became narrower since the snapshot at ``path``; fail if any became wider.

    ``source`` is a ``Guard``, what ``protect`` returned, a FastMCP server or application with
    ``GuardAuth``, a ``Policy`` or an ``McpServer``. Commit the snapshot with the
    tests, so that a review shows its changes. To write it or to accept a change, run ``doorward who-can
    module:server --write PATH``, or the test with ``DOORWARD_UPDATE_SNAPSHOT=1``. Without a snapshot
    the test fails: otherwise deleting the file would accept anything.

    ```python
    def test_nobody_new_gets_in() -> None:
        assert_permissions_unchanged(guard, Path(__file__).parent / "permissions.json")
    ```

    Raises:
        AssertionError: an operation is new, more people may do it, or there is no snapshot.
        ConfigurationError: ``no-policy``, ``no-operations``, ``unseen-server``,
            ``several-servers``, ``not-a-snapshot``.
    """
    file = Path(path)
    policy = effective_policy_of(source).policy
    if os.environ.get(UPDATE) == "1":
        write_permissions(policy, file)
        return []
    accept = f"To accept this, run the test once with {UPDATE}=1 and commit {file.name}."
    if not file.exists():
        raise AssertionError(f"There is no snapshot of permissions at {file}. {accept}")
    found = read_changes(policy, file)
    if wider := [one for one in found if one.what == "wider"]:
        lines = "\n".join(f"  {one.title}: {one.sentence}" for one in wider)
        raise AssertionError(f"More people can do more than {file.name} says:\n{lines}\n{accept}")
    return list(found)


def read_changes(source: object, file: Path) -> Sequence[Change]:
    """Return every change since the snapshot in ``file``. Raises: ConfigurationError."""
    try:
        # Strict JSON: with two entries for one operation, a reviewer may read the first and this the last.
        document: Any = parse(file.read_bytes())
    except ValueError:
        document = None
    return list(changes(matrix_in(document), effective_policy_of(source).policy))


def write_permissions(source: object, file: Path) -> None:
    """Write the snapshot of ``source``, one operation per line, so that a review shows each change."""
    document = document_of(matrix_of(effective_policy_of(source).policy))
    operations = ",\n".join(
        f"    {json.dumps(title)}: {json.dumps(told)}"
        for title, told in document["operations"].items()
    )
    lines = [
        f'  "{name}": {json.dumps(document[name])}' for name in ("format", "conversation", "rest")
    ]
    lines.append('  "operations": {' + (f"\n{operations}\n  }}" if operations else "}"))
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
