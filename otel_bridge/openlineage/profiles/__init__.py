"""Consumer profiles: what each known consumer of OpenLineage wants, and how an event is made to fit.

`table` holds what is known, as values with their sources; docs/consumers.md is written from it. `rules` are the
kinds of rules, `preparation` applies those of one destination.
"""

from otel_bridge.openlineage.profiles.preparation import Preparation, Prepared, prepare
from otel_bridge.openlineage.profiles.profile import Batch, Note, Profile
from otel_bridge.openlineage.profiles.rules import joined, parent_path
from otel_bridge.openlineage.profiles.table import PROFILES

__all__ = [
    "PROFILES",
    "Batch",
    "Note",
    "Preparation",
    "Prepared",
    "Profile",
    "joined",
    "parent_path",
    "prepare",
]
