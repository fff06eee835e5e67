"""The JWT of an AWS workload, from a signed request to STS."""

from dataclasses import dataclass
from typing import Any

import anyio.to_thread

from doorward.client.refusals import Unreachable
from doorward.client.workload.identity import require_jwt
from doorward.errors import ConfigurationError

_MAX_WAIT = 10


@dataclass(frozen=True, kw_only=True)
class AwsSts:
    """
    The JWT of the role of an EC2 instance, an ECS task or a Lambda function.

    STS issues it for the audience if the account allows outbound identity federation. botocore
    (the extra ``doorward[aws]``) signs the request with the credentials that it finds. Set
    ``region`` if the environment has none: the global STS endpoint lacks this operation. ``seconds``
    is the lifetime of the JWT, 60 to 3600; ``address`` replaces the STS endpoint in tests.

    Spec: AWS STS GetWebIdentityToken
    """

    region: str | None = None
    seconds: int = 300
    algorithm: str = "RS256"
    address: str | None = None

    async def __call__(self, audience: str) -> str:
        """
        Return a JWT for ``audience``.

        Raises:
            ConfigurationError: with reason ``no-botocore``, or ``no-workload-token`` without
                credentials or region.
            ClientRefused: STS did not answer with a JWT.
        """
        return require_jwt(await anyio.to_thread.run_sync(self._request_token, audience), "AWS STS")

    def _request_token(self, audience: str) -> str:
        session, errors = _botocore()
        try:
            sts = session.create_client(
                "sts", region_name=self.region, endpoint_url=self.address, config=_config()
            )
            response = sts.get_web_identity_token(
                Audience=[audience], SigningAlgorithm=self.algorithm, DurationSeconds=self.seconds
            )
        except (errors.NoCredentialsError, errors.NoRegionError) as error:
            raise ConfigurationError(
                "no-workload-token",
                "botocore found no AWS credentials or no region.",
                "Assign a role to the workload, and set AWS_REGION.",
            ) from error
        except (errors.ClientError, errors.BotoCoreError) as error:
            # Without the error's text: it can quote the request with its credentials.
            raise Unreachable(
                "workload-token-refused",
                f"AWS STS refused a token ({_name_of(error)}).",
                "Allow sts:GetWebIdentityToken for the role, and outbound federation in the account.",
            ) from None
        return str(response.get("WebIdentityToken"))


def _botocore() -> tuple[Any, Any]:
    try:
        import botocore.exceptions
        import botocore.session
    except ImportError as error:
        raise ConfigurationError(
            "no-botocore",
            "AwsSts needs botocore, which is not installed.",
            "Run: pip install 'botocore>=1.42'",
        ) from error
    return botocore.session.get_session(), botocore.exceptions


def _config() -> Any:
    from botocore.config import Config

    return Config(
        connect_timeout=_MAX_WAIT,
        read_timeout=_MAX_WAIT,
        retries={"total_max_attempts": 2},
        # A proxy of the environment would see the token.
        proxies={},
    )


def _name_of(error: Any) -> str:
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return str(code) if code else type(error).__name__
