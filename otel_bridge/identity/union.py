"""Union-find over names. The partition depends on what was united, never on the order."""

from collections.abc import Iterable

from otel_bridge.extract.data_sources import Name


class Union:
    """Blocks of names that are one. A name that was never united stands alone.

    >>> a, b, c = Name("x", "a"), Name("x", "b"), Name("x", "c")
    >>> one = Union()
    >>> one.unite(a, b)
    >>> one.same(a, b), one.same(a, c)
    (True, False)
    """

    def __init__(self) -> None:
        self._above: dict[Name, Name] = {}

    def root(self, name: Name) -> Name:
        """What stands for the block inside of this object; it says nothing to others."""
        root = name
        while (above := self._above.get(root, root)) != root:
            root = above
        while name != root:
            self._above[name], name = root, self._above.get(name, name)
        return root

    def same(self, one: Name, other: Name) -> bool:
        """Whether both are in one block."""
        return self.root(one) == self.root(other)

    def unite(self, one: Name, other: Name) -> None:
        """Make their blocks one."""
        self._above[self.root(one)] = self.root(other)

    def blocks(self, names: Iterable[Name]) -> list[list[Name]]:
        """The names by block, each block and all of them sorted."""
        found: dict[Name, list[Name]] = {}
        for name in sorted(set(names)):
            found.setdefault(self.root(name), []).append(name)
        return sorted(found.values())
