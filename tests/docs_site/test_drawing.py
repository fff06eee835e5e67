"""Drawings are made of what they are given, stay on a phone, and hurt no page they stand in."""

from xml.etree import ElementTree as ET

import pytest
from docs.making.drawing import LETTER, WIDTH
from docs.making.parties import draw_parties
from docs.making.sequence import Hop, draw_sequence

SVG = "{http://www.w3.org/2000/svg}"
HOPS = [
    Hop("client", "server", "POST /mcp"),
    Hop("server", "client", "401 " + "long " * 40, answer=True, refused=True),
    Hop("client", "issuer", '<script> & "quotes"'),
    Hop("issuer", "issuer", "thinks"),
]


def _texts(drawing: str) -> list[ET.Element]:
    return list(ET.fromstring(drawing).iter(f"{SVG}text"))


@pytest.mark.parametrize("drawing", [draw_parties(), draw_sequence(HOPS)], ids=["map", "sequence"])
def test_every_line_of_text_is_within_the_drawing(drawing: str) -> None:
    _, _, width, height = map(float, (ET.fromstring(drawing).get("viewBox") or "").split())
    assert width == WIDTH
    for text in _texts(drawing):
        half = len(text.text or "") * LETTER / 2
        x, y = float(text.get("x", "nan")), float(text.get("y", "nan"))
        assert x - half + 1 >= 0, text.text
        assert x + half - 1 <= width, text.text
        assert 0 < y <= height


def test_each_party_has_one_head_and_each_hop_its_words() -> None:
    said = [text.text for text in _texts(draw_sequence(HOPS))]

    assert said[:3] == ["client", "server", "issuer"]
    assert "POST /mcp" in said
    assert '<script> & "quotes"' in said
    assert sum((one or "").count("long") for one in said) == 40


def test_a_refusal_is_red_and_an_answer_is_dashed() -> None:
    drawing = draw_sequence(HOPS)

    refused = [text for text in _texts(drawing) if "dw-no" in text.get("class", "")]
    assert refused
    assert all("40" in (text.text or "") or "long" in (text.text or "") for text in refused)
    lines = [line.get("class", "") for line in ET.fromstring(drawing).iter(f"{SVG}line")]
    assert sum("dw-back" in line for line in lines) == 1


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        draw_sequence([])
