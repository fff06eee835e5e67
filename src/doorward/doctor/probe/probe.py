"""The client of the doctor: sends one request at a time, and records it without secrets."""

import json as json_text
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import anyio
import httpx2

from doorward.client.http.http_client import no_cookies
from doorward.client.http.url_policy import UrlPolicy
from doorward.client.refusals import ClientRefused
from doorward.doctor.evidence.exchange import Exchange, Failure
from doorward.doctor.evidence.redaction import Redactor
from doorward.doctor.probe.body import LONGEST_PAGE, document_in, excerpt, read_body
from doorward.doctor.probe.budget import Budget
from doorward.doctor.probe.failures import failure_of
from doorward.doctor.probe.network import Network
from doorward.doctor.probe.plan import Credentials, Plan

USER_AGENT = "doorward-doctor"
_SECONDS_TO_CONNECT = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    A request to send: ``json``, ``form`` or ``content`` is its body, ``token`` its bearer token.

    With ``headers_only`` the body of the answer is not read, for streams that stay open.
    ``seconds`` is a shorter deadline than that of the budget.
    """

    purpose: str
    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, str] | None = field(default=None, repr=False)
    content: bytes | None = None
    token: str | None = field(default=None, repr=False)
    headers_only: bool = False
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """
    The record of a request, and what may be secret in its answer.

    Only ``exchange`` may become evidence; ``document`` and ``headers`` are for the next request.
    """

    exchange: Exchange
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Probe:
    """
    Sends requests where ``target``'s client may send them, and records each in ``tape``.

    Follows no redirect, keeps no cookie, and reads no proxy from the environment. Every request
    has a deadline; after the budget is spent, requests fail and nothing is sent.

    Spec: RFC 9728 §7.7; MCP 2026-07-28 security best practices, server-side request forgery
    """

    def __init__(
        self, target: str, network: Network, budget: Budget, plan: Plan | None = None
    ) -> None:
        self.plan = plan or Plan()
        self.credentials = Credentials()
        self.target = target
        self.url_policy = UrlPolicy(target)
        self.network = network
        self.budget = budget
        self.redactor = Redactor()
        self.redactor.hide(self.plan.token, self.plan.client_secret)
        self.tape: list[Exchange] = []
        self._http = httpx2.AsyncClient(
            transport=network.transport(self.url_policy),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(None, connect=_SECONDS_TO_CONNECT),
            cookies=no_cookies(),
        )

    async def send(self, question: Question) -> Answer:
        """Send ``question`` and return its recorded answer; a failure is an answer too."""
        begun = self.network.clock()
        self.redactor.hide(question.token)
        record: dict[str, Any] = {
            "purpose": question.purpose,
            "method": question.method,
            "url": self.redactor.url(question.url),
        }
        if spent := self.budget.spent():
            return self._recorded(record | {"failure": Failure("budget", spent)}, Answer)
        try:
            self.url_policy.require(question.url, question.purpose)
            with anyio.fail_after(self.budget.take(question.seconds)):
                return await self._exchange(question, record, begun)
        except (ClientRefused, httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as error:
            failed = {"failure": self._failure(error), "seconds": self.network.clock() - begun}
            return self._recorded(record | failed, Answer)

    async def _exchange(self, question: Question, record: dict[str, Any], begun: float) -> Answer:
        request = self._request(question)
        record["sent"] = self.redactor.headers(dict(request.headers))
        response = await self._http.send(request, stream=True)
        self._learn_from(response.headers)
        try:
            record |= {
                "status": response.status_code,
                "headers": self.redactor.headers(dict(response.headers)),
            }
            body = b"" if question.headers_only else await read_body(response)
        finally:
            with anyio.CancelScope(shield=True):
                await response.aclose()
        media_type = response.headers.get("content-type", "").lower()
        document = document_in(body, is_stream=media_type.startswith("text/event-stream"))
        self.redactor.learn(document or {})
        record |= {
            "document": None if document is None else self.redactor.document(document),
            "body": "" if document is not None else self.redactor.text(excerpt(body), LONGEST_PAGE),
            "size": len(body),
            "seconds": self.network.clock() - begun,
        }
        raw = {name.lower(): value for name, value in response.headers.items()}
        return self._recorded(record, lambda kept: Answer(kept, document or {}, raw))

    def _learn_from(self, headers: httpx2.Headers) -> None:
        # A server can repeat a cookie in a body, or in a later answer.
        cookies = (line.partition(";")[0] for line in headers.get_list("set-cookie"))
        values = (pair.partition("=")[2].strip() for pair in cookies)
        self.redactor.hide(*values, headers.get("mcp-session-id"))

    def _request(self, question: Question) -> httpx2.Request:
        headers = {
            "User-Agent": USER_AGENT,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **question.headers,
        }
        content = question.content
        if question.json is not None:
            content = json_text.dumps(question.json, separators=(",", ":")).encode()
            headers.setdefault("Content-Type", "application/json")
        elif question.form is not None:
            content = urlencode(question.form).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if question.token is not None:
            headers["Authorization"] = f"Bearer {question.token}"
        request = self._http.build_request(
            question.method, question.url, headers=headers, content=content
        )
        # Some clients send no user agent, and some firewalls refuse that.
        if not headers["User-Agent"]:
            del request.headers["User-Agent"]
        return request

    def _failure(self, error: BaseException) -> Failure:
        failure = failure_of(error)
        return Failure(failure.kind, self.redactor.text(failure.detail))

    def _recorded(self, record: Mapping[str, Any], build: Any) -> Answer:
        exchange = Exchange(**record)
        self.tape.append(exchange)
        answer: Answer = build(exchange)
        return answer

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()
