"""What the facets of dbt share: names as dbt writes them, and their schema from their shape."""

from msgspec import Meta


def named(name: str) -> str:
    """Fields are named as dbt names them, with underscores."""
    return name


def told(description: str) -> Meta:
    """The description of a field, for the published schema."""
    return Meta(description=description)
