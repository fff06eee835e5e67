"""Serve an example whose providers are simulated: ``python -m … MODULE PORT INTERNET``.

The example itself is unchanged: it is this process whose outbound requests lead to the simulators.
"""

import sys

import uvicorn

from doorward.authserver import server
from tests.simulators.web import FetcherOfTheInternet

if __name__ == "__main__":
    module, port, internet = sys.argv[1:]
    server.__dict__["Fetcher"] = lambda **_options: FetcherOfTheInternet(internet)
    uvicorn.run(f"{module}:app", port=int(port), log_level="warning")
