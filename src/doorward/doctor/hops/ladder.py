"""The rungs of the ladder, from the bottom up."""

from doorward.doctor.hops.authorization import authorize, registration, sign_in, token
from doorward.doctor.hops.calls import calls, expiry, refresh, step_up, token_contents
from doorward.doctor.hops.metadata import issuer, keys, resource_metadata
from doorward.doctor.hops.reachability import (
    challenge,
    connection,
    cors,
    edge,
    endpoint,
    resolution,
)

LADDER = (
    resolution.HOP,
    connection.HOP,
    endpoint.HOP,
    challenge.HOP,
    resource_metadata.HOP,
    issuer.HOP,
    edge.HOP,
    cors.HOP,
    keys.HOP,
    registration.HOP,
    authorize.HOP,
    sign_in.HOP,
    token.HOP,
    token_contents.HOP,
    calls.HOP,
    step_up.HOP,
    refresh.HOP,
    expiry.HOP,
)
ORDER = {hop.name: number for number, hop in enumerate(LADDER)}
