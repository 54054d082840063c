"""Names that the configuration makes one: groups of aliases, and rules with regular expressions."""

from collections import Counter
from collections.abc import Iterator
from string import Formatter
from typing import NamedTuple

from otel_bridge.extract.data_sources import Name
from otel_bridge.identity.naming import scheme_of
from otel_bridge.settings import AliasRule, DatasetName, Expression, Identity

REMEMBERED = 8192
"""Names for which the answer of the rules is remembered."""


class _Rule(NamedTuple):
    namespace: Expression
    name: Expression
    to: AliasRule
    number: int


class Configured:
    """The user's word on names. It is never outvoted by what events say.

    Raises:
        ValueError: a rule can't work; says which and why.
    """

    def __init__(self, identity: Identity) -> None:
        self.canonical = frozenset(_name(group.canonical) for group in identity.aliases)
        self.aliases = {
            _name(alias): _name(group.canonical) for group in identity.aliases for alias in group.aliases
        }
        self._rules = [_rule(rule, number) for number, rule in enumerate(identity.rules)]
        self._preferred = {scheme.lower(): place for place, scheme in enumerate(reversed(identity.prefer), 1)}
        self._remembered: dict[Name, Name] = {}

    def __bool__(self) -> bool:
        return bool(self.canonical or self._rules)

    def target(self, name: Name) -> Name:
        """The name that the configuration gives it; itself, where nothing is configured."""
        if name in self.canonical:
            return name
        if (given := self.aliases.get(name)) is not None:
            return given
        found = self.ruled(name)
        return self.aliases.get(found, found)

    def ruled(self, name: Name) -> Name:
        """The name that the first rule makes of it; itself, if none matches."""
        if not self._rules:
            return name
        found = self._remembered.get(name)
        if found is None:
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            found = self._remembered[name] = self._ruled(name)
        return found

    def rule_for(self, name: Name) -> int | None:
        """Number of the rule that changes the name, from 0."""
        matches = ((rule, _groups(rule, name)) for rule in self._rules)
        return next((rule.number for rule, groups in matches if groups is not None), None)

    def may_touch(self, namespace: str) -> bool:
        """Whether a rule is for names of this namespace."""
        return any(rule.namespace.fits(namespace) for rule in self._rules)

    def preference(self, name: Name) -> int:
        """The lower, the more its scheme is preferred."""
        return -self._preferred.get(scheme_of(name.namespace), 0)

    def _ruled(self, name: Name) -> Name:
        for rule in self._rules:
            groups = _groups(rule, name)
            if groups is not None:
                found = Name(
                    _filled(rule.to.to.namespace, name.namespace, groups),
                    _filled(rule.to.to.name, name.name, groups),
                )
                return found if all(found) else name
        return name


def problems(identity: Identity) -> Iterator[str]:
    """One line for each thing that is wrong with the configuration: where, why, what to do."""
    yield from _of_groups(identity)
    for number, rule in enumerate(identity.rules):
        try:
            _rule(rule, number)
        except ValueError as error:
            yield f"identity.rules[{number}]: {error}"
    if any(not scheme.strip() or "/" in scheme for scheme in identity.prefer):
        yield "identity.prefer: holds what is no scheme. Give schemes alone, such as s3 for s3://bucket."


def _of_groups(identity: Identity) -> Iterator[str]:
    canonical = [_name(group.canonical) for group in identity.aliases]
    aliases = [_name(alias) for group in identity.aliases for alias in group.aliases]
    for name in sorted({*canonical, *aliases}):
        if not (name.namespace.strip() and name.name.strip()):
            yield f"identity.aliases: {shown(name)} lacks a namespace or a name. Give both."
    for name, times in Counter(canonical).items():
        if times > 1:
            yield f"identity.aliases: {shown(name)} is canonical {times} times. Give all its aliases in one entry."
    for name, times in Counter(aliases).items():
        if times > 1:
            yield f"identity.aliases: {shown(name)} is an alias {times} times. It can have one canonical name."
        if name in canonical:
            yield (
                f"identity.aliases: {shown(name)} is an alias, and canonical elsewhere. List the names of one "
                "dataset under one canonical name."
            )


def shown(name: Name) -> str:
    """A name in a sentence."""
    return f"`{name.namespace}` `{name.name}`"


def _name(given: DatasetName) -> Name:
    return Name(given.namespace, given.name)


def _rule(rule: AliasRule, number: int) -> _Rule:
    namespace = _pattern("match.namespace", rule.match.namespace)
    name = _pattern("match.name", rule.match.name)
    known = {*namespace.groups, *name.groups}
    if rule.to.namespace is None and rule.to.name is None:
        raise ValueError("`to` gives neither a namespace nor a name. Give one of them.")
    for part in ("namespace", "name"):
        _check_template(f"to.{part}", getattr(rule.to, part), known)
    return _Rule(namespace, name, rule, number)


def _pattern(where: str, pattern: str) -> Expression:
    try:
        return Expression(pattern)
    except ValueError as error:
        raise ValueError(f"{where} is no regular expression ({error}). Correct it.") from None


def _check_template(where: str, template: str | None, known: set[str]) -> None:
    if template is None:
        return
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"{where} can't be read ({error}). Write each group as {{group}}.") from None
    for _, field, spec, conversion in parts:
        if field is not None and (field not in known or spec or conversion):
            names = ", ".join(sorted(known)) or "none"
            raise ValueError(
                f"{where} uses {{{field}}}, but the named groups (?P<name>…) of `match` are: {names}. Use one of them."
            )
    if not template.strip():
        raise ValueError(f"{where} is empty. Give a template, or leave it out.")


def _groups(rule: _Rule, name: Name) -> dict[str, str] | None:
    namespace = rule.namespace.groups_of(name.namespace)
    found = None if namespace is None else rule.name.groups_of(name.name)
    return None if namespace is None or found is None else {**namespace, **found}


def _filled(template: str | None, given: str, groups: dict[str, str]) -> str:
    return given if template is None else template.format_map(groups)
