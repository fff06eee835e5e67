"""A name for a browser, for people who look for one of their devices."""

# The first entry that is in the header decides: Edge also says Chrome, and Chrome also says Safari.
_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def read_browser_name(user_agent: str) -> str | None:
    """
    Return a name such as ``Firefox on Windows``, or ``None`` if the browser is not in the table.

    Clients choose the header freely. Only names from the table are returned, so that no foreign
    text gets into the database or onto a page.
    """
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), None)
    if browser is None or system is None:
        return None
    return f"{browser} on {system}"
