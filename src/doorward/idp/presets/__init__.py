"""
The table of presets: one file per preset or vendor, and one import of it here.

The order of the imports is the order of the table on pages and in ``doorward idp table``.
"""

# ruff: noqa: I001 - sorted by the table's order, not by the alphabet

from doorward.idp.preset import Preset
from doorward.idp.presets.standard import STANDARD as STANDARD
from doorward.idp.presets.okta import OKTA as OKTA, OKTA_ORG as OKTA_ORG
from doorward.idp.presets.auth0 import AUTH0 as AUTH0
from doorward.idp.presets.keycloak import KEYCLOAK as KEYCLOAK
from doorward.idp.presets.ping import (
    PINGFEDERATE as PINGFEDERATE,
    PINGONE as PINGONE,
    PING_AIC as PING_AIC,
)
from doorward.idp.presets.google import GOOGLE as GOOGLE
from doorward.idp.presets.entra import (
    ENTRA_V2 as ENTRA_V2,
    ENTRA_V1 as ENTRA_V1,
    ENTRA_MULTITENANT as ENTRA_MULTITENANT,
)
from doorward.idp.presets.asgardeo import ASGARDEO as ASGARDEO, WSO2_IS as WSO2_IS
from doorward.idp.presets.cognito import COGNITO as COGNITO
from doorward.idp.presets.workos import WORKOS as WORKOS
from doorward.idp.presets.descope import DESCOPE as DESCOPE
from doorward.idp.presets.scalekit import SCALEKIT as SCALEKIT
from doorward.idp.presets.stytch import STYTCH as STYTCH
from doorward.idp.presets.logto import LOGTO as LOGTO
from doorward.idp.presets.zitadel import ZITADEL as ZITADEL
from doorward.idp.presets.authentik import AUTHENTIK as AUTHENTIK
from doorward.idp.presets.hydra import HYDRA as HYDRA
from doorward.idp.presets.github import GITHUB as GITHUB

PRESETS: tuple[Preset, ...] = tuple(
    found for found in tuple(globals().values()) if isinstance(found, Preset)
)
"""Every preset, in the order of the imports above."""
