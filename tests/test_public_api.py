"""What the package promises at its root."""

import subprocess
import sys

import doorward


def test_the_root_exports_exactly_the_documented_names() -> None:
    assert doorward.__all__ == [
        "Allow",
        "AuthorizationServer",
        "ConfigurationError",
        "Context",
        "DoorwardError",
        "Guard",
        "GuardWithSignIn",
        "Identity",
        "McpServer",
        "Policy",
        "RequestRefused",
        "Rule",
        "ToolError",
        "TrustedIssuer",
        "current_identity",
    ]
    for name in doorward.__all__:
        assert getattr(doorward, name).__name__ == name


def test_importing_the_root_loads_no_framework_and_no_database() -> None:
    probe = (
        "import sys, doorward; print([m for m in ('fastapi', 'sqlalchemy') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
