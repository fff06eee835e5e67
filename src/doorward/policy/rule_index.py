"""Finds the rules for an operation by its method and its name, which can be a URI."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, Literal, NamedTuple, TypeVar

from doorward.errors import ConfigurationError
from doorward.policy.rules import (
    CONVERSATION,
    EVERY,
    PUBLIC_METHODS,
    REACHES,
    Reached,
    reached_by,
)
from doorward.wire.jsonrpc.envelope import NAMED
from doorward.wire.resource_uri import (
    NORMAL_FORM,
    URI_METHODS,
    coarse_form,
    coarse_template,
    is_normal_template,
    normal_form,
    without_query,
)
from doorward.wire.uri_template import UriTemplate, is_template, read_uri_template

T = TypeVar("T")
# The syntax of rules, and the one of FastMCP.
_ACROSS_SEGMENTS = re.compile(r"\{\+[^{}]*\}|\{[^{}]*\*\}")
MatchStatus = Literal["ruled", "conversation", "unknown", "no-template-fits", "uri-not-normal"]


# The exact spelling of each method, by its case-folded spelling.
_CANONICAL_METHODS = {one.casefold(): one for one in {*NAMED, *CONVERSATION, *REACHES} if one}


class RuleMatch(NamedTuple, Generic[T]):
    """How the index knows an operation, and the entries that apply to it. All of them apply."""

    status: MatchStatus
    entries: list[T]


class _Template(NamedTuple, Generic[T]):
    exact: UriTemplate
    coarse: UriTemplate | None
    entry: T


class _Lookup(NamedTuple, Generic[T]):
    """The deciding entries, and those of URIs that an application can treat as the same one."""

    deciding: list[T]
    equivalent: list[T]


class RuleIndex(Generic[T]):
    """
    An index of rules, or of rows of a matrix, by method and name.

    An entry for the exact name comes first, then all templates that fit, then ``"*"``. Without an
    entry for the exact name, the entries of the methods that it reaches apply as well. So do the
    entries of URIs that an application can treat as the same: without the query, in another case,
    or with an encoded slash.
    """

    def __init__(self, entries: Mapping[tuple[str, str], T]) -> None:
        self._entries = dict(entries)
        self._templates: dict[str, list[_Template[T]]] = {}
        self._by_coarse_form: dict[tuple[str, str], list[T]] = {}
        for (method, name), one in entries.items():
            if name == EVERY:
                continue
            if is_template(name):
                # A server can have templates for which no rule can be written.
                if (template := read_uri_template(name)) is not None:
                    self._templates.setdefault(method, []).append(_template(method, template, one))
            elif method in URI_METHODS:
                self._by_coarse_form.setdefault((method, coarse_form(name)), []).append(one)
        self._ruled_uris = frozenset(
            {*self._templates, *(method for method, _ in self._by_coarse_form)}
        )

        self._named = {key: self._entries_for(*key) for key in self._entries if key[1] != EVERY}

    def _entries_for(self, method: str, name: str) -> list[T]:
        """Return the entries of a name; for a template, also those of templates that cover it."""
        own = self._entries[(method, name)]
        # A caller who can use none of the template's URIs does not need the template.
        wider = [
            one.entry
            for one in self._templates.get(method, ())
            if one.exact.text != name and is_template(name) and _covers(one.exact, name)
        ]
        return [own, *wider]

    def lookup(self, method: str, name: str | None, reaches: Reached | None = None) -> RuleMatch[T]:
        """Return the entries that apply to the operation with this method, name and target."""
        if name is not None and name != EVERY:
            if (exact := self._named.get((method, name))) is not None:
                return RuleMatch("ruled", exact)
            if not is_usable(method, name):
                return RuleMatch("uri-not-normal", [])
        found = self._find(method, name)
        if found is None:
            return RuleMatch("no-template-fits", [])
        # A "*" rule of a method that reaches resources does not replace the rule of the resource: a
        # caller who may not read a resource may not subscribe to it.
        if method in CONVERSATION and not found.deciding:
            return RuleMatch("conversation", found.equivalent)
        return self._reached(reached_by(method, name, reaches), name, found)

    def _reached(self, targets: Sequence[str], name: str | None, found: _Lookup[T]) -> RuleMatch[T]:
        deciding, equivalent = [*found.deciding], [*found.equivalent]
        for target in targets:
            reached = self._find(target, name)
            if reached is None:
                return RuleMatch("no-template-fits", [])
            deciding += reached.deciding
            equivalent += reached.equivalent
        return RuleMatch("ruled" if deciding else "unknown", deciding + equivalent)

    def _find(self, method: str, name: str | None) -> _Lookup[T] | None:
        """Return the entries of ``method``; ``None`` if a template only shares the prefix."""
        every = self._entries.get((method, EVERY))
        otherwise = [] if every is None else [every]
        if name is None or name == EVERY:
            return _Lookup(otherwise, [])
        if (exact := self._named.get((method, name))) is not None:
            return _Lookup(exact, [])
        if method not in self._ruled_uris:
            return _Lookup(otherwise, [])
        templates = self._templates.get(method, [])
        # A template with a query decides the URIs that have that query.
        if with_query := [one for one in templates if _matches_with_query(one.exact, name)]:
            return _Lookup([one.entry for one in with_query], [])
        fitting = [one for one in templates if _fits(one.exact, name)]
        coarse = coarse_form(name) if method in URI_METHODS else None
        # No wider rule decides here: a spelling that only the application understands would bypass
        # the template's rule.
        if not fitting and any(_shares_prefix(one, name, coarse) for one in templates):
            return None
        deciding = [one.entry for one in fitting] or otherwise
        if coarse is None:
            return _Lookup(deciding, [])
        return _Lookup(deciding, [*self._equivalent_entries(method, coarse, fitting)])

    def _equivalent_entries(
        self, method: str, coarse: str, fitting: list[_Template[T]]
    ) -> Iterator[T]:
        yield from self._by_coarse_form.get((method, coarse), ())
        known = {id(one) for one in fitting}
        for one in self._templates.get(method, ()):
            if id(one) not in known and one.coarse is not None and one.coarse.match(coarse):
                yield one.entry


def _shares_prefix(one: _Template[T], name: str, coarse: str | None) -> bool:
    """Return whether a name, in either form, starts like a template and does not fit it."""
    if name.startswith(one.exact.literals[0]):
        return True
    if coarse is None or one.coarse is None or one.coarse.match(coarse) is not None:
        return False
    return coarse.startswith(one.coarse.literals[0])


def _covers(template: UriTemplate, text: str) -> bool:
    """Return whether every URI of the template ``text`` also fits ``template``."""
    # A variable can span any number of segments: try one and three.
    some = (_ACROSS_SEGMENTS.sub(segments, text) for segments in ("1", "1/1/1"))
    return all(template.match(one) is not None for one in some)


def literal_prefix(text: str) -> str:
    """Return the literal text before the first variable of a template."""
    return text.partition("{")[0]


def is_usable(method: str, name: str) -> bool:
    """
    Return whether ``name`` can name an operation of ``method``: a URI must be in normal form.

    In ``completion/complete``, a name with ``://`` is a URI; any other is a prompt.
    """
    is_uri = method in URI_METHODS or (method == "completion/complete" and "://" in name)
    return not is_uri or is_normal_template(name)


def _matches_with_query(template: UriTemplate, name: str) -> bool:
    return "?" in template.text and template.match(name) is not None


def _fits(template: UriTemplate, name: str) -> bool:
    shorter = without_query(name)
    return template.match(name) is not None or (
        shorter != name and template.match(shorter) is not None
    )


def require_valid_rule(method: str, name: str) -> None:
    """
    Refuse a rule that can decide no request, or that is ambiguous.

    Raises:
        ConfigurationError: with reason ``not-an-operation`` or ``uri-not-normal``.
    """
    # If a rule never applies, a wider rule decides its operation.
    meant = _CANONICAL_METHODS.get(method.strip().casefold(), method)
    if not method or not name or meant != method:
        raise ConfigurationError(
            "not-an-operation",
            f"A rule is for {(method, name)!r}, which no request can be.",
            f'Name the method and the operation, such as ("{meant or "tools/call"}", "add").',
        )
    if name == EVERY:
        return
    if method in CONVERSATION:
        raise ConfigurationError(
            "not-an-operation",
            f"A rule is for {(method, name)!r}, and requests of {method} have no name.",
            f"Write {(method, EVERY)!r}.",
        )
    if not is_usable(method, name):
        raise not_normal(f"The rule for {(method, name)!r}", name)
    if is_template(name) and read_uri_template(name) is None:
        raise ConfigurationError(
            "not-an-operation",
            f"The rule for {(method, name)!r} is for a template that fits URIs in two ways.",
            "Write a template such as 'notes://{owner}/{+path}'.",
        )


def require_public_by_name(method: str, name: str) -> None:
    """
    Refuse a public rule that is not for one tool, prompt or resource.

    A rule for many names would also publish what is added later.

    Raises:
        ConfigurationError: with reason ``public-not-by-name``.
    """
    if not _is_exact(method, name):
        raise ConfigurationError(
            "public-not-by-name",
            f"A public rule is for {(method, name)!r}.",
            "Write one public rule for each tool, prompt or resource, by its exact name.",
        )


def require_advertised_by_name(method: str, name: str) -> None:
    """
    Refuse an advertised rule that is not for one tool, prompt or resource.

    A rule for many names would also list what is added later.

    Raises:
        ConfigurationError: with reason ``advertised-not-by-name``.
    """
    if not _is_exact(method, name):
        raise ConfigurationError(
            "advertised-not-by-name",
            f"An advertised rule is for {(method, name)!r}.",
            "Write one advertised rule for each tool, prompt or resource, by its exact name.",
        )


def _is_exact(method: str, name: str) -> bool:
    return method in PUBLIC_METHODS and name != EVERY and not is_template(name)


def not_normal(what: str, uri: str) -> ConfigurationError:
    """Return the error for ``what``, whose URI is not in normal form."""
    written = None if is_template(uri) else normal_form(uri)
    return ConfigurationError(
        "uri-not-normal",
        f"{what} is for a URI that is not in normal form.",
        f"Write {written!r}." if written else f"Write a URI with {NORMAL_FORM}.",
    )


def _template(method: str, template: UriTemplate, entry: T) -> _Template[T]:
    is_uri = method in URI_METHODS
    coarse = read_uri_template(coarse_template(template.text)) if is_uri else None
    return _Template(template, coarse, entry)
