"""Which text may be kept in a story, and which is left out as a whole."""

import pytest

from doorward.operations.story import admitted

TOKEN = "q7Zt0yJ1c9Kx4mV2nB8wR6sD3fG5hJ7kL0pA1qW2e"


@pytest.mark.parametrize("name", ["Claude Code", "VS Code 1.99", "Übung (Test)", "mcp-remote"])
def test_a_name_of_short_words_is_kept(name: str) -> None:
    assert admitted.client_name(name) == name


@pytest.mark.parametrize(
    "name", [TOKEN, f"client {TOKEN}", "<b>x</b>", "a\nb", "", None, "x " * 40, "a\u202eb", "$(id)"]
)
def test_a_name_that_could_be_a_secret_or_markup_is_left_out(name: str | None) -> None:
    assert admitted.client_name(name) == ""


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("dw-868515592598f446.322c54d6ea34", "dw-868515592598f446.322c54d6ea34"),
        ("https://app.example/oauth/client.json", "https://app.example/oauth/client.json"),
        (f"https://app.example/{TOKEN}", "https://app.example/…"),
        (f"https://app.example/c.json?key={TOKEN}#{TOKEN}", "https://app.example/c.json"),
        (f"https://user:{TOKEN}@app.example/", ""),
        ("<script>", ""),
    ],
)
def test_a_client_id_that_is_a_url_loses_what_can_hold_a_secret(given: str, kept: str) -> None:
    assert admitted.client_id(given) == kept


@pytest.mark.parametrize(
    ("uri", "kept"),
    [
        (f"http://127.0.0.1:33418/{TOKEN}", "127.0.0.1:33418"),
        (f"https://app.example/callback?x={TOKEN}", "app.example"),
        (f"cursor://{TOKEN}", "an application on the user's machine"),
        (f"https://u:{TOKEN}@app.example/", ""),
    ],
)
def test_of_a_redirect_uri_the_host_is_kept(uri: str, kept: str) -> None:
    assert admitted.redirect_target(uri) == kept


def test_only_names_that_specifications_define_are_kept() -> None:
    assert admitted.parameter_names(["state", TOKEN, "client_id"]) == ("client_id", "state")
    assert admitted.method_name("tools/call") == "tools/call"
    assert admitted.method_name(f"tools/{TOKEN}") == ""
    assert admitted.reason_code("invalid-grant") == "invalid-grant"
    assert admitted.reason_code("Bad credentials") == ""
