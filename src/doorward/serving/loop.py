"""The event loop that our own servers run on."""

import asyncio
import os
import select
import sys
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

# Fewer make more turns of the loop; with more, what was read of the first has left the processor's
# caches before it is answered.
MOST_EVENTS = 32


def new_event_loop() -> asyncio.AbstractEventLoop:
    """
    Return the event loop for a server with many busy connections.

    It is asyncio's. On Linux it takes at most ``MOST_EVENTS`` in a turn, where asyncio takes all that
    there are, and reads a thousand requests before it answers the first. For other servers:
    ``uvicorn.Config(app, loop="doorward.serving:new_event_loop")``.
    """
    if sys.platform == "linux":
        return asyncio.SelectorEventLoop(_FewAtATime())
    return asyncio.new_event_loop()


if sys.platform == "linux":
    from selectors import EpollSelector, SelectorKey

    class _FewAtATime(EpollSelector):
        """
        Epoll, with a bound on what one look at it finds.

        Nobody is overlooked: the kernel puts what it reported behind all that it did not.
        """

        def __init__(self) -> None:
            super().__init__()
            # The same epoll under a second descriptor, because the first one is EpollSelector's own.
            self._epoll = select.epoll.fromfd(os.dup(self.fileno()))
            self._keys: dict[int, SelectorKey] = {}

        def register(self, fileobj: Any, events: int, data: Any = None) -> SelectorKey:
            key = super().register(fileobj, events, data)
            self._keys[key.fd] = key
            return key

        def modify(self, fileobj: Any, events: int, data: Any = None) -> SelectorKey:
            key = super().modify(fileobj, events, data)
            self._keys[key.fd] = key
            return key

        def unregister(self, fileobj: Any) -> SelectorKey:
            key = super().unregister(fileobj)
            self._keys.pop(key.fd, None)
            return key

        def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
            try:
                found = self._epoll.poll(None if timeout is None else max(timeout, 0), MOST_EVENTS)
            except InterruptedError:
                return []
            ready = []
            for number, event in found:
                key = self._keys.get(number)
                if key is not None:
                    # An error or a hang-up is for whoever waits, to read or to write.
                    readable = EVENT_READ if event & ~select.EPOLLOUT else 0
                    writable = EVENT_WRITE if event & ~select.EPOLLIN else 0
                    ready.append((key, (readable | writable) & key.events))
            return ready

        def close(self) -> None:
            self._epoll.close()
            self._keys.clear()
            super().close()
