"""The principal that sessions, tasks and request states belong to."""

from doorward.identity import Identity

# Issuer, subject and client; ``None`` where no guard names the caller.
Principal = tuple[str, str, str | None] | None


def principal_of(identity: Identity | None) -> Principal:
    """
    Return the principal of this caller.

    The client is part of it: two programs of one user do not share their sessions and tasks.
    """
    return None if identity is None else (identity.issuer, identity.subject, identity.client_id)


def holds_all_of(identity: Identity | None, before: Identity | None) -> bool:
    """
    Say whether this caller has the kind, and every scope and role, that ``before`` had.

    A later token of the same principal can be weaker than the one that began something.
    """
    if identity is None or before is None:
        return identity is before
    return (
        identity.kind == before.kind
        and identity.scopes >= before.scopes
        and identity.roles >= before.roles
    )
