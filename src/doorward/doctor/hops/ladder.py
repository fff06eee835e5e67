"""The rungs of the ladder, from the bottom up."""

from doorward.doctor.hops import (
    challenge,
    connection,
    endpoint,
    issuer,
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
)
ORDER = {hop.name: number for number, hop in enumerate(LADDER)}
