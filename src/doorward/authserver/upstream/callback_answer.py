"""The answer of a provider at the callback: whose account it is, and whether it may enter."""

from doorward.authserver.settings.admission import ProviderAccount
from doorward.authserver.upstream.provider_client import AuthorizationLeg, ProviderClient
from doorward.authserver.upstream.refusals import (
    AccountNotAllowed,
    AuthenticationNotMet,
    ProviderAnswerRefused,
)
from doorward.authserver.upstream.responses import ProviderTokens, refusal_of
from doorward.wire.oauth.parameters import Parameters

_LONGEST_CODE = 8 * 1024


async def read_callback(
    provider: ProviderClient, leg: AuthorizationLeg, answer: Parameters
) -> tuple[ProviderAccount, ProviderTokens]:
    """
    Return the admitted account and its tokens, for an answer whose state has been claimed.

    Raises:
        ProviderUnavailable: 503.
        ProviderRefused, ProviderGrantEnded, ProviderMisconfigured: the provider said no.
        ProviderAnswerRefused: 502, a check failed.
        AccountNotAllowed: no rule admits the account.
        AuthenticationNotMet: the sign-in lacks a second factor that the settings require.
        AuthenticationTooOld: the sign-in is older than the client allows.

    Spec: OpenID Connect Core 1.0 §3.1.2.5, §3.1.3
    """
    await _require_issuer(provider, answer)
    if (error := answer.one("error")) is not None:
        raise refusal_of(provider.provider.name, error)
    code = answer.one("code")
    if code is None or not 0 < len(code) <= _LONGEST_CODE:
        raise ProviderAnswerRefused("neither a code nor an error")
    tokens = await provider.redeem(code, leg)
    account = await provider.account(tokens, leg=leg)
    setting = provider.provider.unmet_authentication(account.acr, account.amr)
    if setting is not None:
        raise AuthenticationNotMet(
            f"{setting} of {provider.provider.name!r}: subject {account.subject!r} came with"
            f" acr={account.acr!r}, amr={sorted(account.amr)[:20]}",
            description=f"{provider.provider.title} did not confirm the second factor that"
            f" {setting} of this server requires.",
        )
    unmet = provider.provider.unmet(account)
    if unmet is not None:
        raise AccountNotAllowed(
            f"no rule of {provider.provider.name!r} admits subject {account.subject!r}: {unmet}",
            description=f"{account.label} may not {_what(provider)} here. Use another account.",
        )
    return account, tokens


def _what(provider: ProviderClient) -> str:
    return "be connected" if provider.provider.connect_only else "sign in"


async def _require_issuer(provider: ProviderClient, answer: Parameters) -> None:
    """
    Refuse the answer of another issuer; one that says who it is must say so always.

    Spec: RFC 9207 §2.4
    """
    iss = answer.one("iss")
    metadata = await provider.metadata()
    if iss is None and metadata.authorization_response_iss_parameter_supported:
        raise ProviderAnswerRefused("iss is missing from the authorization response")
    if iss is not None and iss != metadata.issuer:
        raise ProviderAnswerRefused(f"iss={iss[:200]!r}, want {metadata.issuer!r}")
