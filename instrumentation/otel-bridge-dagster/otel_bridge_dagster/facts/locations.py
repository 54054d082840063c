"""Locations of files and objects: absolute, and without what may be secret."""

import os
from pathlib import Path
from typing import Any

from .reading import public


def absolute(place: Any) -> str:
    """A URI, or the absolute path of what is no URI.

    >>> absolute("s3://user:pass@bucket/orders"), absolute("/data/a/../orders"), absolute("file:///data/orders")
    ('s3://bucket/orders', '/data/orders', '/data/orders')
    """
    shown = public(place)
    if shown.startswith("file://"):
        shown = shown.removeprefix("file://")
    # Dagster resolves paths against the directory that the process is in, and so does this
    return shown if "://" in shown else os.path.normpath(Path(shown).expanduser().absolute())
