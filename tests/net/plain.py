"""For clients that speak to ``http://`` alone: the authorities of the machine are not read."""

import ssl

# It trusts nobody. The default reads every authority of the machine, for each client 40 ms.
TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
