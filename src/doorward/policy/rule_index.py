"""Finds the rules for an operation: by method and name, or by the URI that the name is."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, Literal, NamedTuple, TypeVar

from doorward.errors import ConfigurationError
from doorward.policy.rules import CONVERSATION, EVERY, REACHES, Reached, reached_by
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
# As rules write it, and as FastMCP does.
_ACROSS_SEGMENTS = re.compile(r"\{\+[^{}]*\}|\{[^{}]*\*\}")
MatchStatus = Literal["ruled", "conversation", "unknown", "no-template-fits", "uri-not-normal"]


# How a method is written, by how somebody may have written it.
_CANONICAL_METHODS = {one.casefold(): one for one in {*NAMED, *CONVERSATION, *REACHES} if one}


class RuleMatch(NamedTuple, Generic[T]):
    """How an operation is known, and what is said of it: all of that holds."""

    status: MatchStatus
    entries: list[T]


class _Template(NamedTuple, Generic[T]):
    exact: UriTemplate
    coarse: UriTemplate | None
    entry: T


class _Lookup(NamedTuple, Generic[T]):
    """What decides, and what holds besides because an application may take one URI for another."""

    deciding: list[T]
    equivalent: list[T]


class RuleIndex(Generic[T]):
    """
    What is said of operations, by method and name: rules, or rows of a matrix.

    The name itself comes first. Then come all templates that fit, then ``"*"``. Unless the name
    itself is ruled, what is said of what the method reaches holds as well. A URI is also judged by what is said of those that an application may take it
    for: the same one without its query, in another case, or with an encoded slash.
    """

    def __init__(self, entries: Mapping[tuple[str, str], T]) -> None:
        self._entries = dict(entries)
        self._templates: dict[str, list[_Template[T]]] = {}
        self._by_coarse_form: dict[tuple[str, str], list[T]] = {}
        for (method, name), one in entries.items():
            if name == EVERY:
                continue
            if is_template(name):
                # A server may have templates for which no rule can be written.
                if (template := read_uri_template(name)) is not None:
                    self._templates.setdefault(method, []).append(_template(method, template, one))
            elif method in URI_METHODS:
                self._by_coarse_form.setdefault((method, coarse_form(name)), []).append(one)
        self._ruled_uris = frozenset(
            {*self._templates, *(method for method, _ in self._by_coarse_form)}
        )

        self._named = {key: self._entries_for(*key) for key in self._entries if key[1] != EVERY}

    def _entries_for(self, method: str, name: str) -> list[T]:
        """Return what is said of a name; of a template, what is said of every URI that fits it."""
        own = self._entries[(method, name)]
        # Whoever can use none of its URIs has no use for the template either.
        wider = [
            one.entry
            for one in self._templates.get(method, ())
            if one.exact.text != name and is_template(name) and _covers(one.exact, name)
        ]
        return [own, *wider]

    def lookup(self, method: str, name: str | None, reaches: Reached | None = None) -> RuleMatch[T]:
        """Return what is said of one operation, whose members these are."""
        if name is not None and name != EVERY:
            if (exact := self._named.get((method, name))) is not None:
                return RuleMatch("ruled", exact)
            if not is_usable(method, name):
                return RuleMatch("uri-not-normal", [])
        found = self._find(method, name)
        if found is None:
            return RuleMatch("no-template-fits", [])
        # A rule for every name of a method that reaches something says nothing of a name: whoever may
        # not read a resource may not hear of it either.
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
        """Return what is said under ``method``; ``None`` when a template begins alike and no more."""
        every = self._entries.get((method, EVERY))
        otherwise = [] if every is None else [every]
        if name is None or name == EVERY:
            return _Lookup(otherwise, [])
        if (exact := self._named.get((method, name))) is not None:
            return _Lookup(exact, [])
        if method not in self._ruled_uris:
            return _Lookup(otherwise, [])
        templates = self._templates.get(method, [])
        # A rule for the URI with its query is what its author says of that query.
        if with_query := [one for one in templates if _matches_with_query(one.exact, name)]:
            return _Lookup([one.entry for one in with_query], [])
        fitting = [one for one in templates if _fits(one.exact, name)]
        coarse = coarse_form(name) if method in URI_METHODS else None
        # Decided by a wider rule, a spelling that only the application understands would go round
        # the template's own.
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
    """Say whether a name begins like a template's, or may be taken for one that does and not fit."""
    if name.startswith(one.exact.literals[0]):
        return True
    if coarse is None or one.coarse is None or one.coarse.match(coarse) is not None:
        return False
    return coarse.startswith(one.coarse.literals[0])


def _covers(template: UriTemplate, text: str) -> bool:
    """Say whether every URI of the template ``text`` fits ``template`` too."""
    # Where URIs may have any number of segments, with few and with many.
    some = (_ACROSS_SEGMENTS.sub(segments, text) for segments in ("1", "1/1/1"))
    return all(template.match(one) is not None for one in some)


def literal_prefix(text: str) -> str:
    """Return the URI with which every URI of a template begins, and which does not fit it."""
    return text.partition("{")[0]


def is_usable(method: str, name: str) -> bool:
    """
    Say whether ``name`` can be the name of an operation of ``method``: a URI is in normal form.

    What ``completion/complete`` names is a URI where it is written as one, and a prompt otherwise.
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
    Refuse a rule that no request could be decided by, or not in one way.

    Raises:
        ConfigurationError: with reason ``not-an-operation`` or ``uri-not-normal``.
    """
    # A rule that never applies would leave its operation to a wider rule.
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


def not_normal(what: str, uri: str) -> ConfigurationError:
    """Return the refusal of ``what``, which is for a URI in another spelling than the normal form."""
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
