"""The JWT of an AWS workload, against a simulator of STS that checks the request's signature."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from doorward.client import ClientRefused
from doorward.client.workload.aws import AwsSts
from doorward.errors import ConfigurationError

AUDIENCE = "https://issuer.example/a?b=c&d"
JWT = "aaa.bbb.ccc"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
ANSWER = (
    '<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    "<GetWebIdentityTokenResult><Expiration>2026-11-22T00:00:00Z</Expiration>"
    "<WebIdentityToken>{}</WebIdentityToken></GetWebIdentityTokenResult>"
    "</GetWebIdentityTokenResponse>"
)
REFUSAL = (
    '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
    "<Code>{}</Code><Message>{}</Message></Error></ErrorResponse>"
)


@dataclass
class Sts:
    """Answers as STS does; a request that nobody signed is refused."""

    answer: str = field(default_factory=lambda: ANSWER.format(JWT))
    status: int = 200
    address: str = ""
    asked: list[dict[str, list[str]]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        content = await reader.readexactly(int(headers["content-length"]))
        self.asked.append(parse_qs(content.decode()))
        status, body = self.status, self.answer
        if not self._is_signed(headers, content):
            status, body = 403, REFUSAL.format("SignatureDoesNotMatch", SECRET)
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n"
            f"Connection: close\r\n\r\n{body}".encode()
        )
        await writer.drain()
        writer.close()

    def _is_signed(self, headers: dict[str, str], content: bytes) -> bool:
        said = headers.get("authorization", "")
        signed = said.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        request = AWSRequest(
            "POST", self.address + "/", headers={one: headers[one] for one in signed}, data=content
        )
        request.context["timestamp"] = headers["x-amz-date"]
        signer = SigV4Auth(Credentials("AKIDEXAMPLE", SECRET), "sts", "eu-west-1")
        canonical = signer.canonical_request(request)
        wanted = signer.signature(signer.string_to_sign(request, canonical), request)
        return said.endswith(f"Signature={wanted}")


@asynccontextmanager
async def listening(sts: Sts) -> AsyncIterator[Sts]:
    server = await asyncio.start_server(sts.serve, "127.0.0.1", 0)
    async with server:
        sts.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield sts


@pytest.fixture(autouse=True)
def workload(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


async def test_sts_issues_a_token_for_a_signed_request() -> None:
    async with listening(Sts()) as sts:
        token = await AwsSts(address=sts.address, seconds=600)(AUDIENCE)

    assert token == JWT
    (asked,) = sts.asked
    assert asked["Action"] == ["GetWebIdentityToken"]
    assert asked["Audience.member.1"] == [AUDIENCE]
    assert (asked["SigningAlgorithm"], asked["DurationSeconds"]) == (["RS256"], ["600"])


async def test_credentials_refused_by_sts_are_not_in_the_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    async with listening(Sts()) as sts:
        with pytest.raises(ClientRefused) as refusal:
            await AwsSts(address=sts.address)(AUDIENCE)

    assert refusal.value.reason == "workload-token-refused"
    assert "SignatureDoesNotMatch" in refusal.value.problem
    assert SECRET not in str(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c d"])
async def test_an_sts_response_without_a_jwt_is_refused(token: str) -> None:
    async with listening(Sts(ANSWER.format(token))) as sts:
        with pytest.raises(ClientRefused) as refusal:
            await AwsSts(address=sts.address)(AUDIENCE)

    assert refusal.value.reason == "not-a-token"


async def test_an_unreachable_sts_endpoint_is_an_error() -> None:
    with pytest.raises(ClientRefused) as refusal:
        await AwsSts(address="http://127.0.0.1:1")(AUDIENCE)

    assert refusal.value.reason == "workload-token-refused"


async def test_missing_aws_credentials_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ConfigurationError) as refusal:
        await AwsSts(address="http://127.0.0.1:1")(AUDIENCE)

    assert refusal.value.reason == "no-workload-token"


async def test_without_botocore_the_error_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with pytest.raises(ConfigurationError) as refusal:
        await AwsSts()(AUDIENCE)

    assert refusal.value.reason == "no-botocore"
    assert "botocore>=1.42" in str(refusal.value)
