"""What tests that speak plain HTTP on this machine need, to wait for nothing."""

import socket
import ssl

# It trusts nobody. The default reads every authority of the machine, for each client 40 ms.
TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def listening(port: int = 0) -> socket.socket:
    """
    Return a socket that listens on this, or a free, port of 127.0.0.1.

    It names its protocol, without which asyncio leaves Nagle's algorithm on, and an answer in two
    pieces takes 40 ms.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener
