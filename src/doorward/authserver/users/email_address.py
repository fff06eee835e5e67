"""The form of an e-mail address."""


def is_email_address(text: str) -> bool:
    """Return whether ``text`` is an address whose domain every reader finds in the same place."""
    # One "@": "a@example.com@evil.example" has two domains, and readers disagree about which counts.
    local, _, domain = text.partition("@")
    return bool(local and domain) and "@" not in domain and text.isprintable() and " " not in text
