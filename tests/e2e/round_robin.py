"""nginx in front of several servers: each request goes to the next one."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CONFIGURATION = """\
daemon on;
worker_processes 1;
pid nginx.pid;
error_log error.log;
{user}
events {{}}
http {{
  log_format upstream '$request_method $uri $upstream_addr $status';
  access_log access.log upstream;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  upstream doorward {{
    {servers}
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://doorward;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      # A request that may have been carried out is not sent a second time.
      proxy_next_upstream off;
      proxy_buffering off;
    }}
  }}
}}
"""


def find_nginx() -> str | None:
    """Return where nginx is; Debian keeps it off the path of most accounts."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


@contextmanager
def round_robin(folder: Path, port: int, servers: Sequence[int]) -> Iterator[Path]:
    """Run nginx on ``port`` in front of the servers on these ports; give the log of its requests."""
    program = find_nginx()
    assert program is not None
    listed = "\n    ".join(f"server 127.0.0.1:{one};" for one in servers)
    user = "user root;" if folder.owner() == "root" else ""
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(port=port, servers=listed, user=user))
    command = [program, "-p", str(folder), "-c", str(file), "-e", str(folder / "error.log")]
    # It returns when the port is open.
    subprocess.run(command, check=True, timeout=60)
    try:
        yield folder / "access.log"
    finally:
        subprocess.run([*command, "-s", "quit"], check=True, timeout=60)
