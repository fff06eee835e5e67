"""All rules, in the order of the ladder."""

from doorward.doctor.rules import inside
from doorward.doctor.rules.authorization import (
    authorize,
    client_settings,
    clients,
    registration,
    token,
)
from doorward.doctor.rules.calls import calls, given_token, refresh
from doorward.doctor.rules.metadata import issuer, issuer_abilities, keys, resource_metadata
from doorward.doctor.rules.reachability import (
    challenge,
    connection,
    cors,
    edge,
    endpoint,
    resolution,
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
