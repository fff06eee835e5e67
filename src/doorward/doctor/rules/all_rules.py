"""All rules, in the order of the ladder."""

from doorward.doctor.rules import (
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
from doorward.doctor.rules.rule import Rule

_BOOKS = (
    resolution.BOOK,
    connection.BOOK,
    endpoint.BOOK,
    challenge.BOOK,
    resource_metadata.BOOK,
    issuer.BOOK,
    edge.BOOK,
    cors.BOOK,
    keys.BOOK,
    registration.BOOK,
    authorize.BOOK,
)

RULES: tuple[Rule, ...] = tuple(rule for book in _BOOKS for rule in book.rules)
