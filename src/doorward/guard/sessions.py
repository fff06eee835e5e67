"""The owners of sessions, for applications of legacy protocol revisions."""

from collections import OrderedDict

from doorward.errors import SessionRefused
from doorward.identity import Identity, Principal, principal_of

ADOPTED_KEY = "doorward.adopted_session"
"""The key in the ASGI scope that says: the session was opened without a token."""

# The owner of sessions that callers without a token opened. No token has an empty issuer.
_STRANGER: Principal = ("", "", None)


class SessionOwners:
    """
    The owner of each session that one application opened; the last ``entries`` of them.

    A session id appears in logs and proxies, so it is not a credential. With it and a token of
    their own, attackers could read another caller's stream or send messages into the session. A
    refreshed token has the same owner and keeps the session.

    Callers without a token share one owner: whoever knows the id of such a session can use it. The
    first who comes with a token owns it from then on, because clients sign in within their session.

    ``outlives_us`` says that the application runs elsewhere, so its sessions outlive this process.
    """

    def __init__(self, entries: int = 10_000, *, outlives_us: bool = False) -> None:
        self._entries = entries
        self._outlives_us = outlives_us
        self._owners: OrderedDict[bytes, Principal] = OrderedDict()
        self._adopted: set[bytes] = set()

    def opened(self, session: bytes, caller: Identity | None) -> None:
        """Remember that the application opened ``session`` for ``caller``."""
        self._owners.setdefault(session, principal_of(caller) or _STRANGER)
        self._owners.move_to_end(session)
        while len(self._owners) > self._entries:
            forgotten, _ = self._owners.popitem(last=False)
            self._adopted.discard(forgotten)

    def require_own(self, session: bytes, caller: Identity | None) -> bool:
        """
        Return whether the caller adopted the session, if it is the caller's own.

        Does not check ids while an application in this process has opened no session: there is
        nothing to protect. An upstream server may still have the sessions of before a restart, and
        nobody knows their owners any more.

        Raises:
            SessionRefused: 404, as for a session that has ended: the client begins another.

        Spec: MCP 2025-11-25 basic/transports §Session Management
        """
        known = self._owners or self._outlives_us
        principal, owner = principal_of(caller), self._owners.get(session)
        if principal is not None and owner == _STRANGER:
            self._owners[session] = owner = principal
            self._adopted.add(session)
        if known and owner != (principal or _STRANGER):
            # A forgotten owner counts as another caller. Otherwise an attacker who opens enough
            # sessions could take over all older ones.
            who = "callers without a token" if caller is None else repr(caller.key)
            raise SessionRefused(f"not a session of {who}")
        return session in self._adopted
