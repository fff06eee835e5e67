"""Three replicas of ``doorward serve`` on one database, behind nginx, which also is the MCP server."""

import asyncio
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.e2e.processes import free_port
from tests.e2e.round_robin import find_nginx
from tests.e2e.running_service import RunningService

USERS = {f"person{number}": f"correct horse battery {number}" for number in range(4)}
SCOPE = "mcp:read"
REPLICAS = (0, 1, 2)
_MANY = "1000000/minute"
_DOORWARD = """\
listen = "127.0.0.1:{port}"

[authorization_server]
issuer = "http://localhost:{public}"
database_url = "{database}"
secret_file = "doorward.secret"
trusted_proxies = ["127.0.0.1"]

[authorization_server.lifetimes]
refresh_grace = 120

[authorization_server.limits]
registrations_per_address = "{many}"
registrations = "{many}"
sign_ins_per_address = "{many}"
token_failures_per_address = "{many}"
authorizations_per_address = "{many}"

[[mcp_servers]]
resource = "http://localhost:{public}/mcp"
upstream = "http://127.0.0.1:{upstream}/mcp"
scopes = {{ "mcp:read" = "See which tools there are" }}

[mcp_servers.policy]
base = {{ scopes = ["mcp:read"] }}
"""
# Defaults of nginx but for the deadline: a POST that was sent to one replica is sent to no other.
_NGINX = """\
daemon on;
worker_processes 1;
pid nginx.pid;
error_log error.log;
{user}
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  keepalive_requests 100000;
  upstream doorward {{
    {servers}
    keepalive 32;
  }}
  server {{
    listen 127.0.0.1:{public};
    location / {{
      proxy_pass http://doorward;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_connect_timeout 1s;
    }}
  }}
  server {{
    listen 127.0.0.1:{upstream};
    location / {{
      default_type application/json;
      return 200 '{{"jsonrpc":"2.0","id":1,"result":{{}}}}';
    }}
  }}
}}
"""


class Service:
    """The replicas and nginx. ``issuer`` is their public address."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self._folder = folder
        self._ports = [free_port() for _ in REPLICAS]
        public, upstream = free_port(), free_port()
        self.issuer = f"http://localhost:{public}"
        self._running: dict[int, RunningService] = {}
        self._killed: list[RunningService] = []
        program = find_nginx()
        assert program is not None
        file = folder / "nginx.conf"
        listed = "\n    ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in self._ports)
        user = "user root;" if folder.owner() == "root" else ""
        file.write_text(_NGINX.format(user=user, servers=listed, public=public, upstream=upstream))
        self._nginx = [program, "-p", str(folder), "-c", str(file), "-e", str(folder / "error.log")]
        for replica in REPLICAS:
            self._file(replica).write_text(
                _DOORWARD.format(
                    port=self._ports[replica],
                    public=public,
                    upstream=upstream,
                    database=database_url,
                    many=_MANY,
                )
            )
            self._file(replica).chmod(0o600)

    @property
    def mcp(self) -> str:
        """The URL of the MCP server."""
        return f"{self.issuer}/mcp"

    async def start(self) -> None:
        """Start nginx and the replicas, with their users."""
        subprocess.run(self._nginx, check=True, timeout=60)
        first = await asyncio.to_thread(RunningService, self._file(0), passwords=USERS)
        self._running[0] = first
        await self.start_replicas()

    async def start_replicas(self) -> None:
        """Start each replica that does not run."""
        missing = [replica for replica in REPLICAS if replica not in self._running]
        started = await asyncio.gather(
            *(asyncio.to_thread(RunningService, self._file(one)) for one in missing)
        )
        self._running |= dict(zip(missing, started, strict=True))

    def kill(self, replica: int) -> None:
        """Kill a replica with SIGKILL."""
        if (running := self._running.pop(replica, None)) is not None:
            running.kill()
            self._killed.append(running)

    def write_logs(self) -> None:
        """Write what the replicas said to the folder of the run."""
        replicas = (*self._killed, *self._running.values())
        for number, one in enumerate(replicas):
            lines = "\n".join([*one.said, *one.said_wrong])
            (self._folder / f"replica{number}.log").write_text(lines, "utf-8")

    def leaks(self, secrets: set[str]) -> int:
        """Return how many lines that the replicas wrote hold a secret."""
        leaking = 0
        for one in (*self._killed, *self._running.values()):
            one.secrets |= secrets
            leaking += len(one.leaks())
        return leaking

    def close(self) -> None:
        """End the replicas and nginx."""
        for replica in REPLICAS:
            self.kill(replica)
        with suppress(subprocess.SubprocessError):
            subprocess.run([*self._nginx, "-s", "quit"], check=True, timeout=60)

    def _file(self, replica: int) -> Path:
        return self._folder / f"replica{replica}.toml"
