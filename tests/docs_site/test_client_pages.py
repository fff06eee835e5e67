"""Each MCP client has a page, which says what the code knows of it."""

import re
import shlex
from pathlib import Path

import pytest
from docs.making.client_pages import FOLDER, URL, client_page, client_pages

from doorward.demo.client_setup import client_setups
from doorward.doctor.findings.catalog import FINDINGS
from doorward.idp.clients import McpClient
from doorward.testing import PERSONAS

ROOT = Path(__file__).parents[2]
CLIENTS = list(client_pages().values())
each = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)


def test_every_client_has_its_page_in_the_menu() -> None:
    menu = re.findall(
        rf"- (.*): {FOLDER.removeprefix('docs/')}/(\S+)\.md", (ROOT / "mkdocs.yml").read_text()
    )

    assert menu == [(one.title, one.name) for one in CLIENTS]
    assert {file.stem for file in (ROOT / FOLDER).glob("*.md")} == {
        "index",
        *(one.name for one in CLIENTS),
    }


@each
def test_the_page_says_what_to_enter_and_what_each_sentence_means(client: McpClient) -> None:
    page = client_page(client)

    assert URL in page.partition("## What it needs")[0]
    assert f'server.connect("{client.name}")' in page
    for uri in client.redirect_uris.value:
        assert f"`{uri}`" in page
    for message in client.messages:
        assert f"| `{message.value}` |" in page
        assert f"<{message.source}>, read on {message.seen.isoformat()}" in page


@each
def test_the_command_for_the_doctor_can_be_pasted(client: McpClient) -> None:
    (line,) = re.findall(r"^doorward doctor .*$", client_page(client), re.MULTILINE)

    assert shlex.split(line)[2:] == [URL, "--as", client.name, "--saw", client.messages[0].value]
    assert client.name in {str(one) for one in PERSONAS}


@each
def test_a_finding_on_the_page_is_one_of_the_doctors(client: McpClient) -> None:
    found = re.findall(r"findings/(\S+)\.md#([a-z0-9-]+)", client_page(client))

    for hop, code in found:
        assert code == "what-clients-show" or FINDINGS[code].hop == hop


def test_the_line_of_a_client_is_the_one_that_the_demo_prints() -> None:
    lines = {one.client: one.line for one in client_setups(URL, "my-server")}

    for client in CLIENTS:
        if client.title in lines:
            assert lines[client.title] in client_page(client)
