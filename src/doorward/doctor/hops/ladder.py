"""The rungs of the ladder, from the bottom up."""

from doorward.doctor.hops import (
    authorize,
    calls,
    challenge,
    connection,
    cors,
    edge,
    endpoint,
    expiry,
    issuer,
    keys,
    refresh,
    registration,
    resolution,
    resource_metadata,
    sign_in,
    step_up,
    token,
    token_contents,
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
