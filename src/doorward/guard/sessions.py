"""Whose session is whose, in front of applications of the ``initialize`` era that keep sessions."""

from collections import OrderedDict

from doorward.errors import SessionRefused
from doorward.identity import Identity

_Owner = tuple[str, str, str | None]


class SessionOwners:
    """
    The sessions that one application opened, and for whom; the last ``entries`` of them.

    A session id travels in logs and proxies and is no credential: with it and a token of their own,
    somebody else could read a stream or speak in a conversation that is not theirs. A token that
    was refreshed names the same owner and keeps the session.
    """

    def __init__(self, entries: int = 10_000) -> None:
        self._entries = entries
        self._owners: OrderedDict[bytes, _Owner] = OrderedDict()

    def opened(self, session: bytes, caller: Identity) -> None:
        """Remember that the application opened ``session`` for ``caller``."""
        self._owners.setdefault(session, _owner(caller))
        self._owners.move_to_end(session)
        while len(self._owners) > self._entries:
            self._owners.popitem(last=False)

    def require_own(self, session: bytes, caller: Identity) -> None:
        """
        Let a request pass that belongs to no session of somebody else.

        An application that never opened a session has none to protect, and ids that older
        deployments gave out pass it by.

        Raises:
            SessionRefused: 404, as for a session that is over: the client begins another.

        Spec: MCP 2025-11-25 basic/transports §Session Management
        """
        if self._owners and self._owners.get(session) != _owner(caller):
            # A forgotten owner is not this caller either: else whoever opens enough sessions
            # makes everybody's free to take.
            raise SessionRefused(f"a session that is not of {caller.key!r}")


def _owner(caller: Identity) -> _Owner:
    return (caller.issuer, caller.subject, caller.client_id)
