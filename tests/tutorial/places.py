"""Where the tutorial's files are."""

from pathlib import Path

STEPS_FOLDER = Path(__file__).parent.parent.parent / "http-transport-steps"
SOURCES = STEPS_FOLDER / "src" / "mcp_http"
