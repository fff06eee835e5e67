"""The rungs of the ladder, from the bottom up."""

from doorward.doctor.hops import (
    authorize,
    challenge,
    connection,
    cors,
    edge,
    endpoint,
    issuer,
    keys,
    registration,
    resolution,
    resource_metadata,
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
)
ORDER = {hop.name: number for number, hop in enumerate(LADDER)}
