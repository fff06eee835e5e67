"""All findings by code."""

from doorward.doctor.findings import (
    authorize,
    challenge,
    client_settings,
    clients,
    connection,
    cors,
    edge,
    endpoint,
    given_token,
    inside,
    issuer,
    issuer_abilities,
    keys,
    registration,
    resolution,
    resource_metadata,
    signed_in,
)
from doorward.doctor.findings.finding import Finding

_TABLES = (
    resolution.FINDINGS,
    connection.FINDINGS,
    endpoint.FINDINGS,
    challenge.FINDINGS,
    resource_metadata.FINDINGS,
    issuer.FINDINGS,
    issuer_abilities.FINDINGS,
    edge.FINDINGS,
    cors.FINDINGS,
    keys.FINDINGS,
    registration.FINDINGS,
    authorize.FINDINGS,
    signed_in.FINDINGS,
    inside.FINDINGS,
    given_token.FINDINGS,
    client_settings.FINDINGS,
    clients.FINDINGS,
)

FINDINGS: dict[str, Finding] = {one.code: one for table in _TABLES for one in table}
