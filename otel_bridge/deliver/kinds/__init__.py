"""One module for each kind of destination, found by itself.

A module has `NAME` (the `type` in the configuration) and `KIND`; `console` is the shortest example.
"""

import importlib
import pkgutil
from types import MappingProxyType

from otel_bridge.deliver.sender import Kind


def _found() -> dict[str, Kind]:
    modules = [importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]
    return {module.NAME: module.KIND for module in modules}


KINDS = MappingProxyType(_found())
