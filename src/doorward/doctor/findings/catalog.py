"""All findings by code."""

from doorward.doctor.findings import inside
from doorward.doctor.findings.authorization import (
    authorize,
    client_settings,
    clients,
    registration,
    sign_in,
    token,
)
from doorward.doctor.findings.calls import calls, given_token, refresh, step_up, token_contents
from doorward.doctor.findings.finding import Finding
from doorward.doctor.findings.metadata import issuer, issuer_abilities, keys, resource_metadata
from doorward.doctor.findings.reachability import (
    challenge,
    connection,
    cors,
    edge,
    endpoint,
    resolution,
)

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
    sign_in.FINDINGS,
    token.FINDINGS,
    token_contents.FINDINGS,
    calls.FINDINGS,
    step_up.FINDINGS,
    refresh.FINDINGS,
    inside.FINDINGS,
    given_token.FINDINGS,
    client_settings.FINDINGS,
    clients.FINDINGS,
)

FINDINGS: dict[str, Finding] = {one.code: one for table in _TABLES for one in table}
