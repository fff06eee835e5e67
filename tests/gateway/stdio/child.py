"""A stdio server in one file, with tools that behave well and tools that do not."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

LOCK = threading.Lock()
ANSWERS: dict[Any, Any] = {}
ANSWERED = threading.Condition()
NUMBERS = iter(range(10**9))


def send(message: dict[str, Any]) -> None:
    with LOCK:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def ask(method: str, params: dict[str, Any]) -> Any:
    number = f"q{next(NUMBERS)}"
    send({"id": number, "method": method, "params": params})
    with ANSWERED:
        ANSWERED.wait_for(lambda: number in ANSWERS)
        return ANSWERS.pop(number)


def grandchild() -> int:
    # It leaves the process group, as a daemon does.
    code = "import time; time.sleep(600)"
    return subprocess.Popen([sys.executable, "-c", code], start_new_session=True).pid


def whoami(_params: dict[str, Any]) -> str:
    return f"{os.environ.get('DOORWARD_SUBJECT')} {os.getpid()}"


def progress(params: dict[str, Any]) -> Any:
    token = params["_meta"]["progressToken"]
    for step in (1, 2):
        told = {"progressToken": token, "progress": step}
        send({"method": "notifications/progress", "params": told})
    return token


def log(_params: dict[str, Any]) -> str:
    print("written to stderr \x1b[31m", file=sys.stderr, flush=True)
    send({"method": "notifications/message", "params": {"level": "error", "data": "careful"}})
    return "logged"


def noise(params: dict[str, Any]) -> str:
    print("Listening for requests …", flush=True)
    return str(params["arguments"]["text"])


def changed(_params: dict[str, Any]) -> str:
    send({"method": "notifications/resources/updated", "params": {"uri": "memo://1"}})
    send({"method": "notifications/tools/list_changed"})
    return "changed"


TOOLS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "echo": lambda params: params["arguments"].get("text", ""),
    "whoami": whoami,
    "environment": lambda _params: json.dumps(dict(os.environ)),
    "ask": lambda params: json.dumps(ask(**params["arguments"])),
    "progress": progress,
    "log": log,
    "fail": lambda _params: None,
    "crash": lambda _params: os._exit(3),
    "hang": lambda _params: threading.Event().wait(),
    "huge": lambda params: "x" * params["arguments"]["size"],
    "noise": noise,
    "grandchild": lambda _params: grandchild(),
    "changed": changed,
    "meta": json.dumps,
}


def call(number: Any, params: dict[str, Any]) -> None:
    if params["name"] == "fail":
        send({"id": number, "error": {"code": -32602, "message": "no such city"}})
        return
    try:
        said = TOOLS[params["name"]](params)
    except MemoryError:
        os._exit(5)
    send({"id": number, "result": {"content": [{"type": "text", "text": str(said)}]}})


def result_of(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {
                "tools": {"listChanged": True},
                "resources": {"subscribe": True},
                "logging": {},
                "tasks": {"list": {}},
            },
            "serverInfo": {"name": "child", "version": "1"},
            "instructions": "Be kind.",
        }
    if method == "tools/list":
        return {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]}
    if method == "resources/list":
        return {
            "resources": [{"uri": "memo://1", "name": "one"}, {"uri": "memo://2", "name": "two"}]
        }
    if method == "resources/read":
        return {"contents": [{"uri": params["uri"], "text": "text"}]}
    if method in ("resources/subscribe", "resources/unsubscribe", "logging/setLevel"):
        return {}
    return None


def main() -> None:
    mode = sys.argv[1] if len(sys.argv) > 1 else ""
    if mode == "greets":
        print("Welcome!", flush=True)
    if mode == "exits":
        print("no database", file=sys.stderr)
        sys.exit(4)
    for line in sys.stdin:
        message = json.loads(line)
        if mode == "silent":
            continue
        if "method" not in message:
            with ANSWERED:
                ANSWERS[message["id"]] = message.get("result", message.get("error"))
                ANSWERED.notify_all()
        elif message["method"] == "tools/call":
            threading.Thread(
                target=call, args=(message["id"], message["params"]), daemon=True
            ).start()
        elif "id" in message:
            found = result_of(message["method"], message.get("params", {}))
            error = {"error": {"code": -32601, "message": "Method not found"}}
            send({"id": message["id"], **(error if found is None else {"result": found})})
    if mode == "stays":
        threading.Event().wait()


if __name__ == "__main__":
    main()
