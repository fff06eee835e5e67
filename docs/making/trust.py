"""Who trusts what: the three parties of Doorward, and everybody around them."""

from docs.making.drawing import arrow, box, drawing, text

HEIGHT = 330


def draw_trust() -> str:
    """Return the drawing of the parties: who is trusted with what, and who with nothing."""
    return drawing(
        [
            *_party(2, 2, "Browser", "untrusted"),
            *_party(204, 2, "Identity provider", "says who signed in"),
            *_party(2, 132, "Authorization server", "Doorward"),
            *_party(204, 132, "Database", "hashes, sealed secrets"),
            *_party(2, 264, "MCP client", "untrusted"),
            *_party(204, 264, "Guard or gateway", "Doorward"),
            *arrow(79, 62, 79, 132),
            *arrow(156, 150, 204, 62),
            *arrow(156, 162, 204, 162),
            *arrow(79, 264, 79, 192),
            *arrow(156, 294, 204, 294),
            *arrow(281, 264, 156, 186),
            text("keys", 248, 236),
        ],
        HEIGHT,
    )


def _party(x: float, y: float, name: str, does: str) -> list[str]:
    return [
        box(x, y, 154, 60),
        text(name, x + 77, y + 26, "name"),
        text(does, x + 77, y + 44, "note"),
    ]
