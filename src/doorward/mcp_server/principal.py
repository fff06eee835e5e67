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
