"""Runs the backend and the proxies, each as a process of its own."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.arena import bytecode_elsewhere
from benchmarks.calls import Call, call_add
from benchmarks.machine import cores, cpu_seconds
from doorward.tokens import new_api_key
from doorward.tokens.api_keys.key_file import write_keys

_NGINX = """
daemon off; worker_processes 1; pid {name}.pid; {user}
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  upstream backend {{ server 127.0.0.1:{backend}; keepalive 200; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ {answer} }}
  }}
}}
"""
_PASS = 'proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";'
_START = 60.0


class Proxy(NamedTuple):
    """What answers on ``port``, with its processes."""

    name: str
    port: int
    process: psutil.Process

    @property
    def cpu(self) -> float:
        """Seconds that it and its children have used."""
        every = [self.process, *self.process.children(recursive=True)]
        return sum(cpu_seconds(one) for one in every)

    @property
    def memory(self) -> int:
        """Bytes that it and its children occupy."""
        every = [self.process, *self.process.children(recursive=True)]
        return sum(one.memory_info().rss for one in every)


@contextmanager
def proxies(folder: Path) -> Iterator[tuple[list[Proxy], Call]]:
    """Run a backend, and the proxies in front of it; give them and the call that they answer."""
    ports = {name: free_port() for name in ("backend", "nginx", "doorward")}
    url = f"http://127.0.0.1:{ports['backend']}/mcp"
    with ExitStack() as stack, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.set_inheritable(True)
        run = stack.enter_context
        answer = f"default_type application/json; return 200 '{_result()}';"
        backend = run(_nginx(folder, "backend", ports, answer, pinned=False))
        found = [
            Proxy("backend", ports["backend"], backend),
            Proxy("nginx", ports["nginx"], run(_nginx(folder, "nginx", ports, _PASS, pinned=True))),
            Proxy("starlette", listening.getsockname()[1], run(_relay(folder, url, listening))),
        ]
        proxy, key = run(doorward(folder, http_server(url), ports["doorward"]))
        call = call_add(0, key, host=f"localhost:{proxy.port}")
        for one in (*found, proxy):
            _await(one, call)
        yield [*found, proxy], call


@contextmanager
def doorward(folder: Path, server: str, port: int) -> Iterator[tuple[Proxy, str]]:
    """Run ``doorward serve`` in front of ``server``; give it, and a caller's API key."""
    key, kept = new_api_key(name="bench", now=time.time(), lifetime=86400)
    write_keys(folder / "keys.json", [kept])
    file = folder / "doorward.toml"
    file.write_text(
        f'listen = "127.0.0.1:{port}"\n[[mcp_servers]]\nresource = "http://localhost:{port}/mcp"\n'
        f'{server}\napi_keys = "keys.json"\n[mcp_servers.policy]\ntools."*" = {{}}\n'
    )
    serve = [sys.executable, "-m", "doorward.cli", "serve", str(file)]
    with _process(serve, folder, "doorward", pinned=True) as process:
        proxy = Proxy("doorward", port, process)
        _await(proxy, call_add(0, key, host=f"localhost:{port}"))
        yield proxy, key


def http_server(url: str) -> str:
    """Return the lines of ``doorward.toml`` for a server at ``url``."""
    return f'upstream = "{url}"\nconnections = 4000'


def _result() -> str:
    text = call_add(0, None).expected.decode()
    content = f'[{{"type":"text","text":"{text}"}}]'
    return f'{{"jsonrpc":"2.0","id":0,"result":{{"resultType":"complete","content":{content}}}}}'


@contextmanager
def _nginx(
    folder: Path, name: str, ports: dict[str, int], answer: str, *, pinned: bool
) -> Iterator[psutil.Process]:
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    file = folder / f"{name}.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    file.write_text(
        _NGINX.format(
            name=name, port=ports[name], backend=ports["backend"], answer=answer, user=user
        )
    )
    command = [program, "-p", str(folder), "-c", str(file), "-e", str(folder / f"{name}.log")]
    with _process(command, folder, name, pinned=pinned) as process:
        yield process


@contextmanager
def _relay(folder: Path, url: str, listening: socket.socket) -> Iterator[psutil.Process]:
    command = [sys.executable, "-m", "benchmarks.gateway.relay", url, str(listening.fileno()), ""]
    with _process(command, folder, "starlette", pinned=True, fd=listening.fileno()) as process:
        yield process


@contextmanager
def _process(
    command: list[str], folder: Path, name: str, *, pinned: bool, fd: int | None = None
) -> Iterator[psutil.Process]:
    core = cores()[0 if pinned else 1]
    before = [] if core is None else ["taskset", "--cpu-list", str(core)]
    with (folder / f"{name}.out").open("wb") as said:
        running = subprocess.Popen(
            [*before, *command],
            stdout=said,
            stderr=said,
            pass_fds=[] if fd is None else [fd],
            env=bytecode_elsewhere(),
        )
        try:
            yield psutil.Process(running.pid)
        finally:
            running.terminate()
            try:
                running.wait(20)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


def _await(proxy: Proxy, call: Call) -> None:
    ends = time.monotonic() + _START
    while time.monotonic() < ends:
        try:
            with socket.create_connection(("127.0.0.1", proxy.port), 10) as line:
                line.sendall(call.request)
                if line.recv(12).startswith(b"HTTP/1.1 "):
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"{proxy.name} did not answer within {_START} s")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port
