"""An honest request to a running demo, and what every refusal of another one must look like."""

from tests.e2e.raw_http import Answer, call, post, send
from tests.e2e.running_demo import RunningDemo
from tests.e2e.sign_in import SignedIn

Headers = tuple[tuple[str, str], ...]
ADD, ADD_HEADERS = call("add", {"a": 2, "b": 3})


def bearer(token: str) -> tuple[str, str]:
    """Return the header that carries the token."""
    return ("Authorization", f"Bearer {token}")


def at(demo: RunningDemo) -> str:
    """Return the Host by which the demo is asked."""
    return f"localhost:{demo.port}"


def assert_serves(demo: RunningDemo, alice: SignedIn) -> None:
    """Fail unless an honest request still gets its answer."""
    answer = send(
        demo.port,
        post("/mcp", ADD, bearer(alice.access_token), *ADD_HEADERS, host=at(demo)),
    )
    assert answer.status == 200, answer
    assert answer.json["result"]["structuredContent"]["result"] == 5


def assert_clear(answer: Answer, *secrets: str) -> None:
    """Fail unless the answer is JSON that says something, and repeats no secret."""
    assert (answer.header("content-type") or "").startswith("application/json"), answer
    assert answer.json
    assert not any(secret.encode() in answer.body for secret in secrets)
