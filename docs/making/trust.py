"""Who trusts what: the three parties of Doorward, and everybody around them."""

from docs.making.drawing import arrow, drawing, party, text

HEIGHT = 330


def draw_trust() -> str:
    """Return the drawing of the parties: who is trusted with what, and who with nothing."""
    return drawing(
        [
            *party(2, 2, "Browser", "untrusted"),
            *party(204, 2, "Identity provider", "says who signed in"),
            *party(2, 132, "Authorization server", "Doorward"),
            *party(204, 132, "Database", "hashes, sealed secrets"),
            *party(2, 264, "MCP client", "untrusted"),
            *party(204, 264, "Guard or gateway", "Doorward"),
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
