"""
Who runs here, as the platform says it: sources of JWTs for ``WorkloadIdentity``.

Every source is called with the audience, which is the issuer that the JWT will be shown to, and
returns a fresh JWT. The addresses of cloud metadata services are the platforms' own; ``address``
changes them for a test.
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
    A JWT in a file that the platform renews; it is read anew each time.

    Kubernetes: mount a ``serviceAccountToken`` volume whose ``audience`` is the issuer. The
    platform made the token already, so the audience that is asked for changes nothing here;
    ``WorkloadIdentity`` sends no token that was made for another one.
    """

    path: Path

    @classmethod
    def for_eks(cls) -> "ProjectedToken":
        """
        Return the token that EKS projects (``AWS_WEB_IDENTITY_TOKEN_FILE``).

        It is for ``sts.amazonaws.com`` unless the service account's annotation
        ``eks.amazonaws.com/audience`` names the issuer, which it must.
        """
        return cls(Path(_variable("AWS_WEB_IDENTITY_TOKEN_FILE", "EKS with IAM roles")))

    @classmethod
    def for_aks(cls) -> "ProjectedToken":
        """
        Return the token that AKS projects (``AZURE_FEDERATED_TOKEN_FILE``).

        It is for Microsoft Entra unless the workload mounts a token for the issuer there.
        """
        return cls(Path(_variable("AZURE_FEDERATED_TOKEN_FILE", "AKS with workload identity")))

    async def __call__(self, audience: str) -> str:  # noqa: ARG002  (the signature is TokenSource's)
        """
        Return what the file holds now.

        Raises:
            ConfigurationError: with reason ``no-workload-token``.
        """
        try:
            text = await anyio.Path(self.path).read_text(encoding="ascii")
        except (OSError, UnicodeError) as error:
            raise ConfigurationError(
                "no-workload-token",
                f"{self.path} cannot be read as a token.",
                "Mount a projected service account token there.",
            ) from error
        return require_jwt(text.strip(), str(self.path))


@dataclass(frozen=True)
class GitHubActions:
    """
    The JWT of a GitHub Actions job with ``permissions: id-token: write``.

    ``environment`` are the job's variables; the two that matter are set by the runner.
    """

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    async def __call__(self, audience: str) -> str:
        """
        Return a JWT for ``audience``.

        Raises:
            ConfigurationError: with reason ``no-workload-token``; the job has no such permission.
            ClientRefused: the runner's endpoint did not answer, or not with a JWT.
        """
        url = self.environment.get("ACTIONS_ID_TOKEN_REQUEST_URL")
        request_token = self.environment.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
        if not url or not request_token:
            raise ConfigurationError(
                "no-workload-token",
                "This is no GitHub Actions job that may ask for an ID token.",
                "Give the job: permissions: id-token: write.",
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
            ClientRefused: there is no metadata service here, or it did not answer with a JWT.
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

    Azure makes tokens for applications of your directory alone. Name the one that stands for the
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
    """Return the body of a 200; follows no redirect and asks no proxy, which would see the token."""
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
            f"{response.url.host} answered {response.status_code} instead of a token.",
            "Check that this workload may ask for one.",
        )
    return body


def _member(body: bytes, name: str, place: str) -> str:
    try:
        return str(parse_object(body).get(name))
    except NotStrictJson as error:
        raise ProtocolBroken("answer-not-json", f"{place} answered with no JSON object.") from error


def require_jwt(text: str, place: str) -> str:
    """
    Return ``text`` when it looks like a JWT that may be sent.

    Raises:
        ProtocolBroken: with reason ``not-a-token``; ``place`` is who gave it.
    """
    if not is_sendable(text) or text.count(".") != 2:
        raise ProtocolBroken("not-a-token", f"{place} gave something that is no JWT.")
    return text


def _variable(name: str, platform: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ConfigurationError(
            "no-workload-token", f"{name} is not set, so this is not {platform}.", ""
        )
    return value
