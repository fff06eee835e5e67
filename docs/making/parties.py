"""The map of the tutorial: who the four parties are, and what passes between them, in order."""

from docs.making.drawing import arrow, dot, drawing, party

HEIGHT = 270


def draw_parties() -> str:
    """Return the drawing of the four parties and of the six things that pass between them."""
    return drawing(
        [
            *party(2, 2, "You", "and your browser"),
            *party(204, 2, "Authorization server", "signs people in"),
            *party(2, 206, "MCP client", "an editor, an agent"),
            *party(204, 206, "MCP server", "has the tools"),
            *arrow(156, 219, 204, 219),
            *dot(1, 177, 219),
            *arrow(78, 206, 78, 62),
            *dot(2, 78, 132),
            *arrow(156, 32, 204, 32),
            *dot(3, 177, 32),
            *arrow(140, 206, 220, 62),
            *dot(4, 180, 134),
            *arrow(156, 251, 204, 251),
            *dot(5, 177, 251),
            *arrow(282, 206, 282, 62),
            *dot(6, 282, 132),
        ],
        HEIGHT,
    )
