"""The owners of sessions, for applications of legacy protocol revisions."""

from collections import OrderedDict

from doorward.errors import SessionRefused
from doorward.identity import Identity, Principal, principal_of

# The owner of sessions that callers without a token opened. No token has an empty issuer.
_STRANGER: Principal = ("", "", None)


class SessionOwners:
    """
    The owner of each session that one application opened; the last ``entries`` of them.

    A session id appears in logs and proxies, so it is not a credential. With it and a token of
    their own, attackers could read another caller's stream or send messages into the session. A
    refreshed token has the same owner and keeps the session.

    Callers without a token share one owner: whoever knows the id of such a session can use it. A caller
    who signs in begins a new session.

    ``outlives_us`` says that the application runs elsewhere, so its sessions outlive this process.
    """

    def __init__(self, entries: int = 10_000, *, outlives_us: bool = False) -> None:
        self._entries = entries
        self._outlives_us = outlives_us
        self._owners: OrderedDict[bytes, Principal] = OrderedDict()

    def opened(self, session: bytes, caller: Identity | None) -> None:
        """Remember that the application opened ``session`` for ``caller``."""
        self._owners.setdefault(session, principal_of(caller) or _STRANGER)
        self._owners.move_to_end(session)
        while len(self._owners) > self._entries:
            self._owners.popitem(last=False)

    def require_own(self, session: bytes, caller: Identity | None) -> None:
        """
        Return if the session is the caller's own.

        Does not check ids while an application in this process has opened no session: there is
        nothing to protect. An upstream server may still have the sessions of before a restart, and
        nobody knows their owners any more.

        Raises:
            SessionRefused: 404, as for a session that has ended: the client begins another.

        Spec: MCP 2025-11-25 basic/transports §Session Management
        """
        known = self._owners or self._outlives_us
        if known and self._owners.get(session) != (principal_of(caller) or _STRANGER):
            # A forgotten owner counts as another caller. Otherwise an attacker who opens enough
            # sessions could take over all older ones.
            owner = "callers without a token" if caller is None else repr(caller.key)
            raise SessionRefused(f"not a session of {owner}")
