"""What is known about identity providers: dated facts and presets as data, and a measurement."""

from difflib import get_close_matches

from doorward.errors import ConfigurationError
from doorward.idp.facts import Answer, Fact, Matrix, Quirk
from doorward.idp.preset import Preset
from doorward.idp.presets.asgardeo import ASGARDEO, WSO2_IS
from doorward.idp.presets.auth0 import AUTH0
from doorward.idp.presets.authentik import AUTHENTIK
from doorward.idp.presets.cognito import COGNITO
from doorward.idp.presets.descope import DESCOPE
from doorward.idp.presets.entra import ENTRA_MULTITENANT, ENTRA_V1, ENTRA_V2
from doorward.idp.presets.github import GITHUB
from doorward.idp.presets.google import GOOGLE
from doorward.idp.presets.hydra import HYDRA
from doorward.idp.presets.keycloak import KEYCLOAK
from doorward.idp.presets.logto import LOGTO
from doorward.idp.presets.okta import OKTA, OKTA_ORG
from doorward.idp.presets.ping import PING_AIC, PINGFEDERATE, PINGONE
from doorward.idp.presets.scalekit import SCALEKIT
from doorward.idp.presets.standard import STANDARD
from doorward.idp.presets.stytch import STYTCH
from doorward.idp.presets.workos import WORKOS
from doorward.idp.presets.zitadel import ZITADEL

PRESETS: tuple[Preset, ...] = (
    STANDARD,
    OKTA,
    OKTA_ORG,
    AUTH0,
    KEYCLOAK,
    PINGFEDERATE,
    PINGONE,
    PING_AIC,
    GOOGLE,
    ENTRA_V2,
    ENTRA_V1,
    ENTRA_MULTITENANT,
    ASGARDEO,
    WSO2_IS,
    COGNITO,
    WORKOS,
    DESCOPE,
    SCALEKIT,
    STYTCH,
    LOGTO,
    ZITADEL,
    AUTHENTIK,
    HYDRA,
    GITHUB,
)
"""Every preset there is."""

PROVIDERS: tuple[Preset, ...] = tuple(preset for preset in PRESETS if preset.matrix is not None)
"""The presets that are a provider, in the order of the table."""

__all__ = [
    "ASGARDEO",
    "AUTH0",
    "AUTHENTIK",
    "COGNITO",
    "DESCOPE",
    "ENTRA_MULTITENANT",
    "ENTRA_V1",
    "ENTRA_V2",
    "GITHUB",
    "GOOGLE",
    "HYDRA",
    "KEYCLOAK",
    "LOGTO",
    "OKTA",
    "OKTA_ORG",
    "PINGFEDERATE",
    "PINGONE",
    "PING_AIC",
    "PRESETS",
    "PROVIDERS",
    "SCALEKIT",
    "STANDARD",
    "STYTCH",
    "WORKOS",
    "WSO2_IS",
    "ZITADEL",
    "Answer",
    "Fact",
    "Matrix",
    "Preset",
    "Quirk",
    "find",
]


def find(name: str) -> Preset:
    """
    Return the preset called ``name``.

    Raises:
        ConfigurationError: ``unknown-provider``.
    """
    found = next((preset for preset in PRESETS if preset.name == name), None)
    if found is None:
        near = get_close_matches(name, [preset.name for preset in PRESETS], n=1)
        raise ConfigurationError(
            "unknown-provider",
            f"No identity provider is called {name!r} here.",
            f"Did you mean {near[0]!r}?" if near else "Names: doorward idp table.",
        )
    return found
