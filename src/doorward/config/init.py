"""Writes a first configuration file from five answers, and says what to do at the provider."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from doorward import idp
from doorward.authserver import Allow, IdentityProvider
from doorward.config.reading.build import database_url
from doorward.config.reading.document import Document, Place
from doorward.config.settings import upstream_url
from doorward.errors import ConfigurationError
from doorward.wire import address
from doorward.wire.shell_command import shell_command

OWN_USERS = "own"
_ANY_SCREEN = "Register a confidential web application, and enter its redirect URI"
_SCOPES = '"mcp:tools" = "Use the tools in your name"'


@dataclass(frozen=True, kw_only=True)
class Answers:
    """
    The five answers.

    ``provider`` is a kind of ``doorward idp table``, the issuer of another one, or ``own``; with
    ``issuer``, a kind whose issuer differs between customers. ``public_url`` is where clients reach
    this service. ``allow`` names who may enter. ``upstream`` is where the MCP server listens, or
    ``command`` starts one that speaks stdio; without both, a guard elsewhere protects it. ``data`` is
    a file or the URL of a database. ``listen`` is the host and the port of this service.
    """

    provider: str
    public_url: str
    allow: str = ""
    upstream: str = ""
    data: str = "doorward.db"
    issuer: str | None = None
    client_id: str = ""
    command: tuple[str, ...] = ()
    listen: str = "127.0.0.1:8000"


@dataclass(frozen=True)
class Plan:
    """The files to write, with their content, and the steps that remain for the operator."""

    files: tuple[tuple[Path, str], ...]
    steps: tuple[str, ...]

    def write(self) -> None:
        """
        Write the files with mode 0600.

        Raises:
            ConfigurationError: ``file-exists``, nothing is written then; ``unwritable-file``.
        """
        for path, _ in self.files:
            require_new(path)
        for path, content in self.files:
            try:
                # O_EXCL: never through a link, and never over a file that has just appeared.
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(content)
            except OSError as error:
                raise ConfigurationError(
                    "unwritable-file",
                    f"{path} cannot be written: {error.strerror}.",
                    "Name a file in a folder that you may write to.",
                ) from None


def require_new(path: Path) -> None:
    """
    Return if nothing is at ``path``.

    Raises:
        ConfigurationError: ``file-exists``.
    """
    if path.exists() or path.is_symlink():
        raise ConfigurationError(
            "file-exists",
            f"{path} exists, and is not overwritten.",
            "Name another file, or move this one away.",
        )


def require_provider(answer: str, file: Path) -> None:
    """
    Return if ``answer`` names where users sign in, and the file of its secret is new.

    Raises:
        ConfigurationError: ``unknown-provider``, ``not-an-issuer``, ``file-exists``.
    """
    if answer == OWN_USERS:
        return
    if "://" in answer:
        address.require_issuer(answer)
    else:
        idp.find(answer)
    require_new(file.parent / f"{'sso' if '://' in answer else answer}.secret")


def require_upstream(answer: str) -> None:
    """
    Return if ``answer`` is empty, or the URL of an MCP server.

    Raises:
        ConfigurationError: ``not-an-upstream``.
    """
    try:
        if answer:
            upstream_url(answer)
    except ValueError:
        raise ConfigurationError(
            "not-an-upstream",
            f"{answer[:200]!r} is not the URL of an MCP server.",
            "Give the URL at which it listens, such as http://127.0.0.1:9000/mcp.",
        ) from None


def plan(answers: Answers, file: Path) -> Plan:
    """
    Return the files and the steps for ``answers``.

    Raises:
        ConfigurationError: an answer cannot be used; nothing is written.
    """
    given = (answers.provider, answers.public_url, answers.allow, answers.upstream)
    for text in (*given, answers.listen, *answers.command):
        _require_plain(text)
    issuer, resource = _addresses(answers)
    provider = _provider(answers)
    secrets: list[tuple[Path, str]] = []
    data = _data(answers.data, file, secrets)
    parts = [
        "# Test it with: doorward check",
        f"listen = {_text(answers.listen)}",
        "",
        "[authorization_server]",
        f"issuer = {_text(issuer)}",
        data,
        'secret_file = "doorward.secret"   # created at the first start',
        'trusted_proxies = ["127.0.0.1"]   # the proxy that ends TLS',
    ]
    if provider is not None:
        secrets.append((file.parent / f"{provider.name}.secret", ""))
        parts += _provider_lines(answers, provider)
    parts += _server_lines(answers, resource)
    text = "\n".join(parts) + "\n"
    steps = _steps(answers, provider, issuer, file, text, resource)
    return Plan(((file, text), *secrets), tuple(steps))


def _addresses(answers: Answers) -> tuple[str, str]:
    """Return the issuer and the resource: the origin, and the MCP endpoint at it."""
    public = answers.public_url.rstrip("/")
    address.require_resource(public)
    issuer = address.origin_of(public)
    if urlsplit(public).path:
        return issuer, public
    path = urlsplit(answers.upstream).path.rstrip("/") if answers.upstream else ""
    return issuer, issuer + (path or "/mcp")


def _provider(answers: Answers) -> IdentityProvider | None:
    if answers.provider == OWN_USERS:
        return None
    shared: dict[str, Any] = {
        "client_id": answers.client_id or "x",
        "allow": allow_of(answers.allow),
    }
    if "://" in answers.provider:
        return IdentityProvider(issuer=answers.provider, **shared)
    preset = idp.find(answers.provider)
    if answers.issuer is None and preset.customer_address is not None:
        raise ConfigurationError(
            "provider-issuer",
            f"The issuer of {preset.title} differs between its customers.",
            f"Give --issuer, of the form {preset.customer_address}.",
        )
    if preset.sign_in is not None and preset.sign_in.shared_issuer:
        # All customers have the same issuer. What differs is where the metadata is.
        return IdentityProvider(kind=answers.provider, internal_url=answers.issuer, **shared)
    return IdentityProvider(kind=answers.provider, issuer=answers.issuer, **shared)


def allow_of(text: str) -> Allow:
    """
    Return who may enter: domains, e-mail addresses, ``group:NAME``, ``org:NAME``, or ``everyone``.

    Raises:
        ConfigurationError: ``nobody-allowed``, ``mixed-conditions``.
    """
    found = _conditions(text)
    if len(found) > 1:
        raise ConfigurationError(
            "mixed-conditions",
            f"{' and '.join(found)} are alternatives only in the file itself.",
            "Name one kind here, and add other [[identity_providers.allow]] tables later.",
        )
    if "everyone" in found:
        return Allow(everyone=True)
    return Allow(**found)  # type: ignore[arg-type]  # never "everyone"


def _conditions(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in text.replace(",", " ").split():
        kind, colon, name = one.partition(":")
        if one == "everyone":
            found.setdefault("everyone", [])
        elif colon and kind in ("group", "org"):
            found.setdefault("groups" if kind == "group" else "organizations", []).append(name)
        else:
            found.setdefault("emails" if "@" in one else "domains", []).append(one)
    return found


def _data(answer: str, file: Path, secrets: list[tuple[Path, str]]) -> str:
    """Return the line that names the database; a URL with a password goes into ``secrets``."""
    url = answer if "://" in answer else f"sqlite:///{answer}"
    _require_plain(url)
    place = Place(Document(file, [], {}), ("database_url",))
    if database_url(url, place).password is None:
        return f"database_url = {_text(url)}"
    secrets.append((file.parent / "database.secret", url + "\n"))
    return 'database_url_file = "database.secret"'


def _provider_lines(answers: Answers, provider: IdentityProvider) -> list[str]:
    lines = ["", "[[identity_providers]]"]
    if provider.kind is not None:
        lines.append(f"kind = {_text(provider.kind)}")
    if provider.internal_url is not None:
        lines.append(f"internal_url = {_text(provider.internal_url)}")
    elif provider.kind is None or answers.issuer is not None:
        lines.append(f"issuer = {_text(provider.issuer_url)}")
    names = ", ".join(
        f"{name} = [{', '.join(map(_text, values))}]" if values else f"{name} = true"
        for name, values in _conditions(answers.allow).items()
    )
    return [
        *lines,
        f"client_id = {_text(answers.client_id)}",
        f"client_secret_file = {_text(provider.name + '.secret')}",
        f"allow = {{ {names} }}",
    ]


def _server_lines(answers: Answers, resource: str) -> list[str]:
    if not answers.upstream and not answers.command:
        return [
            "",
            "[[authorization_server.resources]]",
            f"uri = {_text(resource)}",
            f"scopes = {{ {_SCOPES} }}",
        ]
    require_upstream(answers.upstream)
    where = f"upstream = {_text(answers.upstream)}"
    if answers.command:
        where = f"command = [{', '.join(map(_text, answers.command))}]"
    return [
        "",
        "[[mcp_servers]]",
        f"resource = {_text(resource)}",
        where,
        f"scopes = {{ {_SCOPES} }}",
        "",
        "[mcp_servers.policy]",
        'base = { scopes = ["mcp:tools"] }',
        'tools."*" = {}       # every tool; add lines such as: add = { roles = ["admin"] }',
        'prompts."*" = {}',
        'resources."*" = {}',
    ]


def _steps(
    answers: Answers,
    provider: IdentityProvider | None,
    issuer: str,
    file: Path,
    text: str,
    resource: str,
) -> list[str]:
    steps: list[str] = []
    if provider is not None:
        screen = provider.sign_in.redirect_screen
        what = screen.value if screen is not None else _ANY_SCREEN
        where = f"At {provider.title}: {what}."
        steps += [where, f"Enter this redirect URI: {issuer}/callback/{provider.name}"]
        if not answers.client_id:
            line = text.splitlines().index('client_id = ""') + 1
            steps.append(f"Copy the client id into {file}, line {line}.")
        secret = file.parent / f"{provider.name}.secret"
        steps.append(f"Copy the client secret into {secret}, which only you can read.")
    if not address.is_loopback_host(urlsplit(issuer).hostname):
        steps.append(f"Let the proxy for {issuer} forward every path to {answers.listen}.")
    steps.append(f"Run: {shell_command('doorward', 'check', str(file))}")
    if provider is None:
        add = shell_command("doorward", "users", "add", "alice", "--config", str(file))
        steps.append(f"Add a user: {add} --scopes mcp:tools")
    steps.append(f"Run: {shell_command('doorward', 'serve', str(file))}")
    return [*steps, f"Connect an MCP client to {resource}"]


def _require_plain(text: str) -> None:
    if not text.isprintable():
        raise ConfigurationError(
            "not-printable",
            f"An answer has characters that cannot be printed: {text[:100]!r}.",
            "Type it again.",
        )


def _text(value: str) -> str:
    # JSON's text is a text of TOML as well.
    return json.dumps(value)
