"""What is known about identity providers: dated facts and presets as data, no behaviour."""

from doorward.idp.asgardeo import ASGARDEO
from doorward.idp.auth0 import AUTH0
from doorward.idp.cognito import COGNITO
from doorward.idp.entra import ENTRA_V1, ENTRA_V2
from doorward.idp.keycloak import KEYCLOAK
from doorward.idp.okta import OKTA
from doorward.idp.preset import Fact, Preset
from doorward.idp.standard import STANDARD

PRESETS: tuple[Preset, ...] = (
    STANDARD,
    KEYCLOAK,
    OKTA,
    AUTH0,
    ENTRA_V2,
    ENTRA_V1,
    ASGARDEO,
    COGNITO,
)
"""Every preset there is."""

__all__ = [
    "ASGARDEO",
    "AUTH0",
    "COGNITO",
    "ENTRA_V1",
    "ENTRA_V2",
    "KEYCLOAK",
    "OKTA",
    "PRESETS",
    "STANDARD",
    "Fact",
    "Preset",
]
