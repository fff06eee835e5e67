"""Authlib on Flask with the same client, user and codes, all in memory; gunicorn serves ``app``."""

import os
import secrets
import time
from pathlib import Path
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask, Response
from joserfc.jwk import ECKey, KeySet

from benchmarks.issuers.seed import CALLBACK, CHALLENGE, ISSUER, RESOURCE, SCOPE, Seed

_KEY = ECKey.generate_key("P-256", {"kid": "bench", "alg": "ES256", "use": "sig"})
_codes: dict[str, "_Code"] = {}
_refresh_tokens: dict[str, "_RefreshToken"] = {}


class _User:
    def get_user_id(self) -> str:
        return "alice"


class _Client(ClientMixin):  # type: ignore[misc]
    client_id = "bench"

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return CALLBACK

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == CALLBACK

    def check_client_secret(self, client_secret: str) -> bool:  # noqa: ARG002
        return False

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002
        return method == "none"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in {"authorization_code", "refresh_token"}


class _Code:
    code_challenge = CHALLENGE
    code_challenge_method = "S256"

    def get_redirect_uri(self) -> str:
        return CALLBACK

    def get_scope(self) -> str:
        return SCOPE

    def is_expired(self) -> bool:
        return False


class _RefreshToken:
    def __init__(self) -> None:
        self.expires_at = time.time() + 86400

    def check_client(self, client: _Client) -> bool:
        return client.client_id == "bench"

    def get_scope(self) -> str:
        return SCOPE


class _CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)

    def query_authorization_code(self, code: str, client: _Client) -> _Code | None:  # noqa: ARG002
        return _codes.get(code)

    def delete_authorization_code(self, authorization_code: _Code) -> None:  # noqa: ARG002
        del _codes[self.request.form["code"]]

    def authenticate_user(self, authorization_code: _Code) -> _User:  # noqa: ARG002
        return _User()


class _RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> _RefreshToken | None:
        found = _refresh_tokens.get(refresh_token)
        return found if found is not None and found.expires_at > time.time() else None

    def authenticate_user(self, refresh_token: _RefreshToken) -> _User:  # noqa: ARG002
        return _User()

    def revoke_old_credential(self, refresh_token: _RefreshToken) -> None:  # noqa: ARG002
        del _refresh_tokens[self.request.form["refresh_token"]]


class _Tokens(JWTBearerTokenGenerator):  # type: ignore[misc]
    def get_jwks(self) -> KeySet:
        return KeySet([_KEY])

    def get_audiences(self, client: Any, user: Any, scope: Any) -> str:  # noqa: ARG002
        return RESOURCE


def _save(token: dict[str, Any], _request: Any) -> None:
    _refresh_tokens[token["refresh_token"]] = _RefreshToken()


def _build() -> Flask:
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    flask = Flask(__name__)
    client = _Client()
    server = AuthorizationServer(flask, query_client=lambda _id: client, save_token=_save)
    server.register_grant(_CodeGrant, [CodeChallenge(required=True)])
    server.register_grant(_RefreshGrant)
    generator = _Tokens(
        ISSUER, alg="ES256", refresh_token_generator=lambda **_: secrets.token_urlsafe(32)
    )
    server.register_token_generator("default", generator)

    @flask.post("/token")
    def token() -> Response:
        response: Response = server.create_token_response()
        return response

    return flask


def seed(path: Path, count: int) -> None:
    """Make ``count`` codes, and write the seed."""
    codes = [secrets.token_urlsafe(32) for _ in range(count)]
    _codes.update((code, _Code()) for code in codes)
    Seed(client_id="bench", codes=codes).write(path)


app = _build()
if "SEED" in os.environ:
    seed(Path(os.environ["SEED"]), int(os.environ["COUNT"]))
