"""What facets of dbt and Dagster share: names with underscores, and their schema from their shape."""

from msgspec import Meta


def named(name: str) -> str:
    """Fields are named as dbt and Dagster name them, with underscores."""
    return name


def told(description: str) -> Meta:
    """The description of a field, for the published schema."""
    return Meta(description=description)
