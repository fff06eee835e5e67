"""
Sources of platform JWTs for ``WorkloadIdentity``: Kubernetes, GitHub Actions, Google, Azure.

A source is called with the audience, usually the issuer, and returns a fresh JWT. ``address``
replaces the URL of the platform's metadata service in tests.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx2

from doorward.client.http.http_client import read_limited
from doorward.client.http.url_policy import connection_error
from doorward.client.oauth.tokens import is_sendable
from doorward.client.refusals import ProtocolBroken, Unreachable
from doorward.errors import ConfigurationError
from doorward.wire.strict_json import NotStrictJson, parse_object

_LARGEST = 64 * 1024
_MAX_WAIT = 10.0


@dataclass(frozen=True)
class ProjectedToken:
    """
    A JWT in a file that the platform renews; the file is read each time.

    Kubernetes: mount a ``serviceAccountToken`` volume whose ``audience`` is the issuer. The file
    decides the audience, not the call; ``WorkloadIdentity`` refuses a JWT with another audience.
    """

    path: Path

    @classmethod
    def for_eks(cls) -> "ProjectedToken":
        """
        Return the token that EKS projects (``AWS_WEB_IDENTITY_TOKEN_FILE``).

        Its audience is ``sts.amazonaws.com`` by default. Set the service account's annotation
        ``eks.amazonaws.com/audience`` to the issuer.
        """
        return cls(Path(_variable("AWS_WEB_IDENTITY_TOKEN_FILE", "EKS with IAM roles")))

    @classmethod
    def for_aks(cls) -> "ProjectedToken":
        """
        Return the token that AKS projects (``AZURE_FEDERATED_TOKEN_FILE``).

        Its audience is Microsoft Entra by default; mount a token for the issuer instead.
        """
        return cls(Path(_variable("AZURE_FEDERATED_TOKEN_FILE", "AKS with workload identity")))

    async def __call__(self, audience: str) -> str:  # noqa: ARG002  (the signature is TokenSource's)
        """
        Return the current content of the file.

        Raises:
            ConfigurationError: with reason ``no-workload-token``.
        """
        try:
            text = await anyio.Path(self.path).read_text(encoding="ascii")
        except (OSError, UnicodeError) as error:
            raise ConfigurationError(
                "no-workload-token",
                f"Cannot read a token from {self.path}.",
                "Mount a projected service account token there.",
            ) from error
        return require_jwt(text.strip(), str(self.path))


@dataclass(frozen=True)
class GitHubActions:
    """
    The JWT of a GitHub Actions job with ``permissions: id-token: write``.

    ``environment`` are the job's variables; the runner sets the two that are needed.
    """

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    async def __call__(self, audience: str) -> str:
        """
        Return a JWT for ``audience``.

        Raises:
            ConfigurationError: with reason ``no-workload-token``: the job lacks the permission.
            ClientRefused: the runner's endpoint did not answer with a JWT.
        """
        url = self.environment.get("ACTIONS_ID_TOKEN_REQUEST_URL")
        request_token = self.environment.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
        if not url or not request_token:
            raise ConfigurationError(
                "no-workload-token",
                "This is not a GitHub Actions job with permission for ID tokens.",
                "Add to the job: permissions: id-token: write.",
            )
        request_url = str(httpx2.URL(url).copy_merge_params({"audience": audience}))
        body = await _fetch(request_url, {"Authorization": f"Bearer {request_token}"})
        return require_jwt(_member(body, "value", url), "GitHub Actions")


@dataclass(frozen=True)
class GoogleMetadata:
    """The JWT of the service account of a Compute Engine, Cloud Run or GKE workload."""

    account: str = "default"
    address: str = "http://metadata.google.internal"

    async def __call__(self, audience: str) -> str:
        """
        Return a JWT for ``audience``.

        Raises:
            ClientRefused: the metadata service did not answer with a JWT.
        """
        path = f"/computeMetadata/v1/instance/service-accounts/{self.account}/identity"
        url = httpx2.URL(self.address + path).copy_merge_params(
            {"audience": audience, "format": "full"}
        )
        body = await _fetch(str(url), {"Metadata-Flavor": "Google"})
        return require_jwt(body.decode("ascii", "replace").strip(), "Google's metadata service")


@dataclass(frozen=True)
class AzureMetadata:
    """
    The JWT of an Azure virtual machine's managed identity.

    Azure issues tokens only for applications in your directory. Name the application of the
    issuer: ``WorkloadIdentity(AzureMetadata(), audience="api://…")``.
    """

    client_id: str | None = None
    address: str = "http://169.254.169.254"

    async def __call__(self, audience: str) -> str:
        """
        Return a JWT for the application ``audience``.

        Raises:
            ClientRefused: there is no metadata service here, or it did not answer with a JWT.
        """
        parameters = {"api-version": "2018-02-01", "resource": audience}
        if self.client_id is not None:
            parameters["client_id"] = self.client_id
        url = httpx2.URL(self.address + "/metadata/identity/oauth2/token").copy_merge_params(
            parameters
        )
        body = await _fetch(str(url), {"Metadata": "true"})
        return require_jwt(_member(body, "access_token", self.address), "Azure's metadata service")


async def _fetch(url: str, headers: Mapping[str, str]) -> bytes:
    """Return the body of a 200 response; uses no redirect and no proxy, which could see the token."""
    accepted = {"Accept-Encoding": "identity", **headers}
    try:
        with anyio.fail_after(_MAX_WAIT):
            async with (
                httpx2.AsyncClient(trust_env=False) as http,
                http.stream("GET", url, headers=accepted) as response,
            ):
                body = await read_limited(response, _LARGEST)
    except (httpx2.HTTPError, TimeoutError, OSError) as error:
        raise connection_error(url, error) from error
    if response.status_code != 200:
        raise Unreachable(
            "workload-token-refused",
            f"{response.url.host} answered {response.status_code}, expected 200 with a token.",
            "Check that this workload may request a token.",
        )
    return body


def _member(body: bytes, name: str, place: str) -> str:
    try:
        return str(parse_object(body).get(name))
    except NotStrictJson as error:
        raise ProtocolBroken(
            "answer-not-json", f"{place} did not answer with a JSON object."
        ) from error


def require_jwt(text: str, place: str) -> str:
    """
    Return ``text`` if it has the form of a JWT.

    Raises:
        ProtocolBroken: with reason ``not-a-token``; ``place`` names the source.
    """
    if not is_sendable(text) or text.count(".") != 2:
        raise ProtocolBroken("not-a-token", f"{place} did not return a JWT.")
    return text


def _variable(name: str, platform: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ConfigurationError(
            "no-workload-token",
            f"{name} is not set.",
            f"Run this on {platform}, which sets it.",
        )
    return value
