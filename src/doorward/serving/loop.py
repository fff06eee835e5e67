"""The event loop of Doorward's own servers."""

import asyncio
import os
import select
import sys
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

# A lower limit makes more turns of the loop. With a higher one, the first request has left the
# processor's caches before it is answered.
MAX_EVENTS_PER_TURN = 32


def new_event_loop() -> asyncio.AbstractEventLoop:
    """
    Return the event loop for a server with many busy connections.

    ```python
    async def main() -> None:
        await serve(app, listen(8000))

    def run() -> None:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(main())
    ```

    On Linux, asyncio's loop handles every ready event in one turn: it reads a thousand requests before
    it answers the first. This one handles at most ``MAX_EVENTS_PER_TURN``. For other servers:
    ``uvicorn.Config(app, loop="doorward.serving:new_event_loop")``.
    """
    if sys.platform == "linux":
        return asyncio.SelectorEventLoop(_BoundedEpollSelector())
    return asyncio.new_event_loop()


if sys.platform == "linux":
    from selectors import EpollSelector, SelectorKey

    class _BoundedEpollSelector(EpollSelector):
        """
        Epoll with a limit on the events of one poll.

        No event starves: the kernel queues what it reported behind what it did not report.
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
                found = self._epoll.poll(
                    None if timeout is None else max(timeout, 0), MAX_EVENTS_PER_TURN
                )
            except InterruptedError:
                return []
            ready = []
            for number, event in found:
                key = self._keys.get(number)
                if key is not None:
                    # An error or a hang-up wakes readers and writers alike.
                    readable = EVENT_READ if event & ~select.EPOLLOUT else 0
                    writable = EVENT_WRITE if event & ~select.EPOLLIN else 0
                    ready.append((key, (readable | writable) & key.events))
            return ready

        def close(self) -> None:
            self._epoll.close()
            self._keys.clear()
            super().close()
