"""All rules, in the order of the ladder."""

from doorward.doctor.rules import (
    authorize,
    calls,
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
    refresh,
    registration,
    resolution,
    resource_metadata,
    token,
)
from doorward.doctor.rules.rule import Rule

_BOOKS = (
    resolution.BOOK,
    connection.BOOK,
    endpoint.BOOK,
    challenge.BOOK,
    resource_metadata.BOOK,
    issuer.BOOK,
    issuer_abilities.BOOK,
    edge.BOOK,
    cors.BOOK,
    keys.BOOK,
    registration.BOOK,
    authorize.BOOK,
    token.BOOK,
    calls.BOOK,
    refresh.BOOK,
    inside.BOOK,
    given_token.BOOK,
    client_settings.BOOK,
    clients.BOOK,
)

RULES: tuple[Rule, ...] = tuple(rule for book in _BOOKS for rule in book.rules)
