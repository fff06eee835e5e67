"""Client authentication: the registered method, and the same response for every failure."""

import base64
from typing import Any, get_args

import pytest

from doorward.authserver.client_auth_methods import AUTH_METHODS, AuthMethodName
from doorward.authserver.token.client_authentication import read_credentials
from doorward.wire.oauth.parameters import Parameters
from tests.authserver.harness import AuthServerHarness, basic
from tests.ledger import proves


async def with_code(
    harness: AuthServerHarness, method: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    client = await harness.register(token_endpoint_auth_method=method)
    code = await harness.code(client["client_id"])
    return client, harness.code_fields(client["client_id"], code)


@proves("S89", "accepts", "client authentication is exact")
@pytest.mark.parametrize("repeat", [True, False])
async def test_basic_is_accepted_with_or_without_client_id_in_the_body(
    harness: AuthServerHarness, repeat: bool
) -> None:
    client, fields = await with_code(harness, "client_secret_basic")
    if not repeat:
        fields.pop("client_id")

    tokens = await harness.token(
        fields, headers=basic(client["client_id"], client["client_secret"])
    )

    assert tokens.response.status_code == 200


@proves("S89", "accepts", "client authentication is exact")
async def test_client_secret_post_is_accepted(harness: AuthServerHarness) -> None:
    client, fields = await with_code(harness, "client_secret_post")

    tokens = await harness.token({**fields, "client_secret": client["client_secret"]})

    assert tokens.response.status_code == 200


@proves("S89", "refuses", "client authentication is exact")
@pytest.mark.parametrize(
    ("registered", "used"),
    [
        ("client_secret_basic", "client_secret_post"),
        ("client_secret_post", "client_secret_basic"),
        ("client_secret_basic", "none"),
        ("client_secret_post", "none"),
        ("none", "client_secret_post"),
        ("none", "client_secret_basic"),
    ],
)
async def test_another_method_than_the_registered_one_is_refused(
    harness: AuthServerHarness, registered: str, used: str
) -> None:
    client, fields = await with_code(harness, registered)
    secret = client.get("client_secret", "made-up")
    headers = basic(client["client_id"], secret) if used == "client_secret_basic" else None
    if used == "client_secret_post":
        fields["client_secret"] = secret

    tokens = await harness.token(fields, headers=headers)

    assert tokens.response.status_code == 401
    assert tokens.body["error"] == "invalid_client"
    assert tokens.response.headers["www-authenticate"].startswith("Basic ")


@proves("S89", "refuses", "client authentication is exact")
async def test_two_methods_at_once_are_refused(harness: AuthServerHarness) -> None:
    client, fields = await with_code(harness, "client_secret_basic")
    secret = client["client_secret"]

    tokens = await harness.token(
        {**fields, "client_secret": secret}, headers=basic(client["client_id"], secret)
    )

    assert tokens.response.status_code == 400
    assert tokens.body["error"] == "invalid_request"


@proves("S89", "refuses", "client authentication is exact")
async def test_two_authorization_headers_are_refused(harness: AuthServerHarness) -> None:
    client, fields = await with_code(harness, "client_secret_basic")
    header = basic(client["client_id"], client["client_secret"])["Authorization"]

    response = await harness.http.post(
        "/token",
        data=fields,
        headers=[("Authorization", header), ("Authorization", header)],
    )

    assert response.status_code == 400


@proves("S89", "refuses", "client authentication is exact")
async def test_ambiguous_basic_credentials_are_refused(
    harness: AuthServerHarness,
) -> None:
    client, fields = await with_code(harness, "client_secret_basic")
    client_id, secret = client["client_id"], client["client_secret"]
    good = basic(client_id, secret)["Authorization"].removeprefix("Basic ")
    broken = [
        good + "=",
        good[:4] + " " + good[4:],
        good[:-4] + "!" + good[-4:],
        "%" + good,
        base64.b64encode(client_id.encode()).decode(),
        base64.b64encode(f"{client_id}:".encode()).decode(),
        base64.b64encode(f":{secret}".encode()).decode(),
        base64.b64encode(b"\xff\xfe:" + secret.encode()).decode(),
        "",
    ]

    for encoded in broken:
        tokens = await harness.token(fields, headers={"Authorization": "Basic " + encoded})
        assert tokens.response.status_code == 401, encoded
    for scheme in ("Bearer", "Digest", "basic2"):
        tokens = await harness.token(fields, headers={"Authorization": f"{scheme} {good}"})
        assert tokens.response.status_code == 401


@proves("S89", "accepts", "client authentication is exact")
async def test_basic_in_lower_case_is_the_same_scheme(harness: AuthServerHarness) -> None:
    client, fields = await with_code(harness, "client_secret_basic")
    header = basic(client["client_id"], client["client_secret"])["Authorization"]

    tokens = await harness.token(
        fields, headers={"Authorization": header.replace("Basic", "basic")}
    )

    assert tokens.response.status_code == 200


@proves("S89", "refuses", "client authentication is exact")
async def test_another_client_id_in_the_body_is_refused(harness: AuthServerHarness) -> None:
    client, fields = await with_code(harness, "client_secret_basic")
    other = await harness.register()

    tokens = await harness.token(
        {**fields, "client_id": other["client_id"]},
        headers=basic(client["client_id"], client["client_secret"]),
    )

    assert tokens.response.status_code == 400


@proves("S89", "refuses", "client authentication is exact")
async def test_a_client_assertion_does_not_fall_back_to_none(harness: AuthServerHarness) -> None:
    _, fields = await with_code(harness, "none")

    tokens = await harness.token(
        {
            **fields,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": "eyJ.e30.x",
        }
    )

    assert tokens.response.status_code == 401


@proves("S89", "refuses", "client authentication is exact")
async def test_a_request_that_names_no_client_is_refused(harness: AuthServerHarness) -> None:
    _, fields = await with_code(harness, "none")
    fields.pop("client_id")

    assert (await harness.token(fields)).body["error"] == "invalid_request"


@proves("S103", "refuses", "refusals look alike")
async def test_unknown_client_wrong_secret_and_wrong_method_answer_alike(
    harness: AuthServerHarness,
) -> None:
    client, fields = await with_code(harness, "client_secret_basic")
    mine = client["client_id"]
    tried = [
        await harness.token(
            {**fields, "client_id": "dw-nobody"}, headers=basic("dw-nobody", "x" * 43)
        ),
        await harness.token(fields, headers=basic(mine, "x" * 43)),
        await harness.token(fields),
        await harness.token({**fields, "code": "wrong"}, headers=basic(mine, "x" * 43)),
    ]

    bodies = {tokens.response.text for tokens in tried}
    shapes = {tuple(sorted(tokens.response.headers)) for tokens in tried}
    assert len(bodies) == 1
    assert len(shapes) == 1
    assert {tokens.response.status_code for tokens in tried} == {401}


@proves("S103", "accepts", "refusals look alike")
async def test_the_right_client_with_a_wrong_code_gets_an_answer_of_the_same_shape(
    harness: AuthServerHarness,
) -> None:
    client, fields = await with_code(harness, "client_secret_basic")
    header = basic(client["client_id"], client["client_secret"])

    unknown = await harness.token({**fields, "code": "x" * 43}, headers=header)
    foreign = await harness.token({**fields, "code_verifier": "y" * 43}, headers=header)

    assert unknown.response.text == foreign.response.text
    assert unknown.body.keys() == {"error", "error_description"}


def test_each_method_that_a_client_may_be_configured_with_is_in_the_table() -> None:
    assert get_args(AuthMethodName) == tuple(method.name for method in AUTH_METHODS)


def test_form_encoding_inside_basic_is_undone() -> None:
    header = basic("id with:colon", "p+ss %w")["Authorization"]

    method, credentials = read_credentials([header], Parameters())

    assert method.name == "client_secret_basic"

    assert (credentials.client_id, credentials.secret) == ("id with:colon", "p+ss %w")
    assert "p+ss" not in repr(credentials)
