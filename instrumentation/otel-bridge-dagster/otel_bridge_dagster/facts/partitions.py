"""Partitions as a map: keys where they are few, ranges where they are many, and the window of time that they cover.

A range of a multi-dimensional definition holds every key whose dimensions lie within those of its ends, as Dagster has
it. Windows come from the definition, never from the look of a key.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from .reading import compact, is_a, part, text, unique

KEYS_AT_MOST = 50
_RANGES_AT_MOST = 100
_WINDOWS_AT_MOST = 366

_TOLD_AT_MOST = 64
_told_of_tags: dict[tuple[int, str, str], tuple[Any, dict[str, Any]]] = {}

Range = tuple[str, str]
Window = tuple[dt.datetime, dt.datetime]


def of_keys(definition: Any, keys: Iterable[Any]) -> dict[str, Any]:
    """Some partitions, by their keys."""
    shown = unique(str(key) for key in keys)
    if not shown:
        return {}
    if len(shown) <= KEYS_AT_MOST:
        return compact(
            {"keys": shown, "count": len(shown), "dimensions": _dimensions(definition, shown)}
        ) | _window(definition, shown)
    ranges = _ranges(definition, shown)
    return _of_ranges(definition, ranges, len(shown)) | _window(definition, shown)


def of_range(definition: Any, first: str, last: str) -> dict[str, Any]:
    """All from one key to another."""
    if first == last:
        return of_keys(definition, [first])
    if definition is None or _is_dynamic(definition):
        return {"ranges": [{"first": first, "last": last}]}
    from dagster import PartitionKeyRange

    return of_keys(definition, definition.get_partition_keys_in_range(PartitionKeyRange(first, last)))


def of_subset(definition: Any, subset: Any) -> dict[str, Any]:
    """Those of one of Dagster's subsets."""
    count = len(subset)
    if count <= KEYS_AT_MOST or not is_a(definition, "TimeWindowPartitionsDefinition"):
        return of_keys(definition, _ordered(definition, subset.get_partition_keys()))
    return _of_ranges(
        definition, [(r.start, r.end) for r in subset.get_partition_key_ranges(definition)], count
    )


def of_tags(definition: Any, tags: Any) -> dict[str, Any]:
    """Those that a run is for, by its tags."""
    key = tags.get("dagster/partition")
    first, last = (key, key) if key else (tags.get(f"{_RANGE}_start"), tags.get(f"{_RANGE}_end"))
    if not first or not last:
        return {}
    asked = (id(definition), first, last)
    if asked not in _told_of_tags:
        while len(_told_of_tags) >= _TOLD_AT_MOST:
            _told_of_tags.pop(next(iter(_told_of_tags)), None)
        # with the definition, so that its id stays its own
        _told_of_tags[asked] = (definition, of_range(definition, first, last))
    return _told_of_tags[asked][1]


def described(definition: Any) -> dict[str, Any]:
    """What partitions an asset: `{type, dimensions, cron, format}`."""
    if is_a(definition, "MultiPartitionsDefinition"):
        each = [{"name": d.name, **described(d.partitions_def)} for d in definition.partitions_defs]
        return {"type": "multi", "dimensions": each}
    if is_a(definition, "TimeWindowPartitionsDefinition"):
        cron, form = text(part(definition, "cron_schedule")), text(part(definition, "fmt"))
        return compact({"type": "time", "cron": cron, "format": form})
    if _is_dynamic(definition):
        return {"type": "dynamic"}
    return {"type": "static"} if definition is not None else {}


_RANGE = "dagster/asset_partition_range"


def _ordered(definition: Any, keys: Iterable[Any]) -> list[Any]:
    """Some of Dagster's subsets keep their keys in sets."""
    if is_a(definition, "TimeWindowPartitionsDefinition"):
        return sorted(keys, key=lambda key: _time_window(definition, key))
    return sorted(keys, key=str)


def _of_ranges(definition: Any, ranges: Sequence[Range], count: int) -> dict[str, Any]:
    told: dict[str, Any] = {"count": count}
    if 0 < len(ranges) <= _RANGES_AT_MOST:
        told["ranges"] = [{"first": first, "last": last} for first, last in ranges]
    if ranges and is_a(definition, "TimeWindowPartitionsDefinition"):
        start, end = _time_window(definition, ranges[0][0])[0], _time_window(definition, ranges[-1][1])[1]
        told |= _span(start, end if len(ranges) == 1 else None)
    return told


def _dimensions(definition: Any, keys: Sequence[str]) -> list[dict[str, str]]:
    return (
        [_by_dimension(definition, key) for key in keys]
        if is_a(definition, "MultiPartitionsDefinition")
        else []
    )


def _by_dimension(definition: Any, key: str) -> dict[str, str]:
    parsed = definition.get_partition_key_from_str(key).keys_by_dimension
    return {str(name): str(value) for name, value in parsed.items()}


def _ranges(definition: Any, keys: Sequence[str]) -> list[Range]:
    if is_a(definition, "MultiPartitionsDefinition"):
        return _ranges_of_two(definition, keys)
    if is_a(definition, "TimeWindowPartitionsDefinition"):
        subset = definition.empty_subset().with_partition_keys(keys)
        return [(str(r.start), str(r.end)) for r in subset.get_partition_key_ranges(definition)]
    if definition is None or _is_dynamic(definition):
        return []
    return _runs([str(key) for key in definition.get_partition_keys()], frozenset(keys))


def _runs(order: Sequence[str], chosen: frozenset[str]) -> list[Range]:
    """Ends of each stretch of chosen keys in their order.

    >>> _runs("abcdef", frozenset("abdf"))
    [('a', 'b'), ('d', 'd'), ('f', 'f')]
    """
    found: list[Range] = []
    before = None
    for key in order:
        if key in chosen:
            found = [*found[:-1], (found[-1][0], key)] if before in chosen and found else [*found, (key, key)]
        before = key
    return found


def _ranges_of_two(definition: Any, keys: Sequence[str]) -> list[Range]:
    """One range if the keys are all combinations of a stretch of each dimension, else those of each secondary key."""
    first, second = definition.primary_dimension, definition.secondary_dimension
    lines: dict[str, dict[str, str]] = {}
    for key in keys:
        place = _by_dimension(definition, key)
        lines.setdefault(place[second.name], {})[place[first.name]] = key
    along = [(line, _ranges(first.partitions_def, list(line))) for line in lines.values()]
    ends = [[(line[start], line[end]) for start, end in ranges] for line, ranges in along]
    across = _ranges(second.partitions_def, list(lines))
    if len(across) == 1 and len({tuple(ranges) for _, ranges in along}) == 1:
        (low, high) = across[0]
        start, end = list(lines).index(low), list(lines).index(high)
        return [(a[0], b[1]) for a, b in zip(ends[start], ends[end], strict=True)]
    return [both for line in ends for both in line]


def _window(definition: Any, keys: Sequence[str]) -> dict[str, str]:
    """Start and end of the window; where windows have gaps there is no end."""
    if is_a(definition, "MultiPartitionsDefinition"):
        timed = [
            d for d in definition.partitions_defs if is_a(d.partitions_def, "TimeWindowPartitionsDefinition")
        ]
        if len(timed) != 1:
            return {}
        keys = unique(_by_dimension(definition, key)[timed[0].name] for key in keys)
        definition = timed[0].partitions_def
    if not is_a(definition, "TimeWindowPartitionsDefinition") or len(keys) > _WINDOWS_AT_MOST:
        return {}
    windows = sorted(_time_window(definition, key) for key in keys)
    gaps = any(end < start for (_, end), (start, _) in pairwise(windows))
    return _span(windows[0][0], None if gaps else windows[-1][1])


def _time_window(definition: Any, key: str) -> Window:
    window = definition.time_window_for_partition_key(key)
    return window.start, window.end


def _span(start: dt.datetime, end: dt.datetime | None) -> dict[str, str]:
    return {"start": start.isoformat()} | ({"end": end.isoformat()} if end is not None else {})


def _is_dynamic(definition: Any) -> bool:
    if is_a(definition, "MultiPartitionsDefinition"):
        return any(_is_dynamic(dimension.partitions_def) for dimension in definition.partitions_defs)
    return is_a(definition, "DynamicPartitionsDefinition")
