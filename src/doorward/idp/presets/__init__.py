"""
The table of presets: one file per preset or vendor in a folder by kind, and one import of it here.

The order of the imports is the order of the table on pages and in ``doorward idp table``.
"""

# ruff: noqa: I001 - sorted by the table's order, not by the alphabet

from doorward.idp.preset import Preset
from doorward.idp.presets.standard import STANDARD as STANDARD
from doorward.idp.presets.hosted.okta import OKTA as OKTA, OKTA_ORG as OKTA_ORG
from doorward.idp.presets.hosted.auth0 import AUTH0 as AUTH0
from doorward.idp.presets.self_hosted.keycloak import KEYCLOAK as KEYCLOAK
from doorward.idp.presets.self_hosted.ping import (
    PINGFEDERATE as PINGFEDERATE,
    PINGONE as PINGONE,
    PING_AIC as PING_AIC,
)
from doorward.idp.presets.cloud.google import GOOGLE as GOOGLE
from doorward.idp.presets.cloud.entra import (
    ENTRA_V2 as ENTRA_V2,
    ENTRA_V1 as ENTRA_V1,
    ENTRA_MULTITENANT as ENTRA_MULTITENANT,
)
from doorward.idp.presets.cloud.b2c import AZURE_B2C as AZURE_B2C
from doorward.idp.presets.hosted.asgardeo import ASGARDEO as ASGARDEO, WSO2_IS as WSO2_IS
from doorward.idp.presets.cloud.cognito import COGNITO as COGNITO
from doorward.idp.presets.cloud.oci import OCI as OCI
from doorward.idp.presets.hosted.workos import WORKOS as WORKOS
from doorward.idp.presets.hosted.descope import DESCOPE as DESCOPE
from doorward.idp.presets.hosted.scalekit import SCALEKIT as SCALEKIT
from doorward.idp.presets.hosted.stytch import STYTCH as STYTCH
from doorward.idp.presets.hosted.clerk import CLERK as CLERK
from doorward.idp.presets.hosted.propelauth import PROPELAUTH as PROPELAUTH
from doorward.idp.presets.hosted.supabase import SUPABASE as SUPABASE
from doorward.idp.presets.self_hosted.logto import LOGTO as LOGTO
from doorward.idp.presets.self_hosted.zitadel import ZITADEL as ZITADEL
from doorward.idp.presets.self_hosted.authentik import AUTHENTIK as AUTHENTIK
from doorward.idp.presets.self_hosted.hydra import HYDRA as HYDRA
from doorward.idp.presets.sites.github import GITHUB as GITHUB
from doorward.idp.presets.sites.gitlab import GITLAB as GITLAB
from doorward.idp.presets.sites.bitbucket import BITBUCKET as BITBUCKET
from doorward.idp.presets.sites.slack import SLACK as SLACK
from doorward.idp.presets.sites.linkedin import LINKEDIN as LINKEDIN
from doorward.idp.presets.sites.discord import DISCORD as DISCORD
from doorward.idp.presets.sites.huggingface import HUGGINGFACE as HUGGINGFACE

PRESETS: tuple[Preset, ...] = tuple(
    found for found in tuple(globals().values()) if isinstance(found, Preset)
)
"""Every preset, in the order of the imports above."""
