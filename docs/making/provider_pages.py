"""One page for each identity provider: what to register there, and what to write here."""

import json
from collections.abc import Iterable, Iterator
from datetime import date

from doorward.idp import PROVIDERS, Preset
from doorward.idp.facts import Fact
from doorward.idp.rendering import doubt, escaped, markdown_table
from doorward.idp.sign_in_guide import (
    NOT_TOLD,
    admission_in_words,
    callback_url,
    sign_in_facts,
    sign_in_of,
)

FOLDER = "docs/providers"
# One example for each condition, in the order in which a first deployment would choose.
_EXAMPLES = {
    "domains": "example.com",
    "organizations": "YOUR-ORGANIZATION",
    "groups": "YOUR-GROUP",
    "subjects": "YOUR-ACCOUNT-ID",
}
_MARKS = str.maketrans({" ": "-", "{": "", "}": ""})


def page_name(preset: Preset) -> str:
    """Return where the page of a provider is, from the top of the repository."""
    return f"{FOLDER}/{preset.name}.md"


def provider_page(preset: Preset) -> str:
    """Return the page of a provider."""
    sign_in = sign_in_of(preset)
    parts = [
        f"# Sign in with {preset.title}\n",
        f"Your users sign in with {preset.title}. MCP clients connect without any setting there.",
        "Doorward issues its own tokens for your MCP server, and keeps those of the provider to itself.\n",
        "## Register an application\n",
        *_registration(preset),
        "## Protect a server in Python\n",
        f"```python\n{python_form(preset)}\n```\n",
        f'[Sign in with your provider](../sign-in.md) has the whole program, and programs for FastMCP and FastAPI. To try it on your machine, register `http://localhost:8000/callback/{preset.name}` as well, with `public_url="http://localhost:8000/mcp"`.\n',
        "## Or configure it in a file\n",
        f"```toml\n{toml_form(preset)}\n```\n",
        f"`doorward init --provider {preset.name}` writes the whole file, and `doorward serve` [runs it](../serve.md).\n",
        "## Who may enter\n",
        markdown_table(
            ["Condition of `Allow`", "What it reads"],
            [[f"`{name}`", reads] for name, reads in admission_in_words(preset)],
        ),
        "An account enters if all conditions of one `Allow` hold. A claim that is absent or of another type counts as no.\n",
        "## Sessions\n",
        "- Doorward asks the provider at most once an hour whether the account may still enter, when a client refreshes its token.",
        *(f"- {escaped(fact.value)}{doubt(fact)}" for fact in sign_in.refresh),
        "",
        *_told("What it costs", sign_in.cost),
        *_told("What cannot work", sign_in.limits),
        *_told("Good to know", sign_in.facts),
        "## Sources\n",
        "A sentence without a published source is marked as not verified.\n",
        *_sources(sign_in_facts(sign_in)),
        "",
        f"For what {preset.title} supports of MCP authorization, see [the table of providers](../providers.md).",
    ]
    return "\n".join(parts) + "\n"


def _registration(preset: Preset) -> Iterator[str]:
    screen = sign_in_of(preset).redirect_screen
    if screen is not None:
        yield f"1. Open this screen at {preset.title}: {escaped(screen.value)}.{doubt(screen)}"
    yield f"2. Enter this callback URL, with the host of your own `public_url`: `{callback_url(preset)}`"
    yield "3. Copy the client id and the client secret.\n"


def _told(title: str, facts: tuple[Fact[str], ...]) -> Iterator[str]:
    if facts:
        yield f"## {title}\n"
        yield from (f"- {escaped(fact.value)}{doubt(fact)}" for fact in facts)
        yield ""


def _sources(facts: Iterable[Fact[str]]) -> Iterator[str]:
    read: dict[str, date] = {}
    for fact in facts:
        if fact.verified:
            read.setdefault(fact.source, fact.seen)
    for source, seen in sorted(read.items()):
        shown = f"<{source}>" if " " not in source and "(" not in source else escaped(source)
        yield f"- {shown}, read on {seen.isoformat()}"


def python_form(preset: Preset) -> str:
    """Return the guard in Python."""
    name, value = _condition(preset)
    lines = ["guard = GuardWithSignIn(", f'    "{preset.name}",']
    tail = [
        '    client_id="…",',
        '    client_secret="…",',
        '    public_url="https://YOUR-HOST/mcp",',
        f'    allow=Allow({name}={{"{value}"}}),',
        "    policy=policy,",
        ")",
    ]
    address = _customer_address(preset)
    if address is None:
        return "\n".join([*lines, *tail])
    if not sign_in_of(preset).shared_issuer:
        return "\n".join([*lines, f'    provider_issuer="{address}",', *tail])
    return "\n".join(
        [
            "provider = IdentityProvider(",
            f'    kind="{preset.name}",',
            f'    internal_url="{address}",',
            '    client_id="…",',
            '    client_secret="…",',
            f'    allow=Allow({name}={{"{value}"}}),',
            ")",
            "guard = GuardWithSignIn(",
            "    provider,",
            '    public_url="https://YOUR-HOST/mcp",',
            "    policy=policy,",
            ")",
        ]
    )


def toml_form(preset: Preset) -> str:
    """Return the table of the configuration file."""
    name, value = _condition(preset)
    address = _customer_address(preset)
    setting = "internal_url" if sign_in_of(preset).shared_issuer else "issuer"
    return "\n".join(
        [
            "[[identity_providers]]",
            f'kind = "{preset.name}"',
            *([f"{setting} = {json.dumps(address)}"] if address else []),
            'client_id = "…"',
            f'client_secret_file = "{preset.name}.secret"',
            f'allow = {{ {name} = ["{value}"] }}',
        ]
    )


def _condition(preset: Preset) -> tuple[str, str]:
    told = dict(admission_in_words(preset))
    name = next(one for one in _EXAMPLES if told[one] != NOT_TOLD)
    return name, _EXAMPLES[name]


def _customer_address(preset: Preset) -> str | None:
    """Return the address that each customer has, with capitals where it differs."""
    form = preset.customer_address
    if form is None:
        return None
    form = form.partition(",")[0]
    parts = form.split("{")
    filled = [parts[0]]
    for part in parts[1:]:
        inner, _, rest = part.partition("}")
        filled.append(f"YOUR-{inner.upper().translate(_MARKS)}{rest}")
    return "".join(filled)


def provider_pages() -> dict[str, Preset]:
    """Return the pages, by their place."""
    return {page_name(preset): preset for preset in PROVIDERS}
