"""What functions do to their arguments: aggregate them, hide them, or make rows of them.

sqlglot knows many by class; those that it leaves as calls of an unknown name are told by that name.
"""

import re
from functools import cache, lru_cache

from sqlglot import exp

_HASHES = re.compile(
    r"^(md5|sha\d|sha$|sha_|xx_?hash|farm_?fingerprint|standard_?hash|hash$|hash_|hashbytes|murmur|city_?hash|sip_?hash"
    r"|crc32|hmac|fnv|binary_checksum|checksum$|blake|spooky_?hash|mask$|mask_)"
)
_COUNTS = re.compile(
    r"^(count|approx_?(count_)?distinct|approx_count|regr_count|hll_?(count|cardinality)|count_?if|uniq)"
)
_AGGREGATES = re.compile(
    r"^(any_value|approx_\w+|arg_?(min|max)|array_agg|array_concat_agg|avg|bit_\w*agg|bit(and|or|xor)_?agg|bool_\w+"
    r"|booland_agg|boolor_agg|checksum_agg|collect_(list|set)|corr|covar_\w+|every|group_concat|histogram|hll\w*"
    r"|json\w*_agg|jsonb_object_agg|kurtosis|listagg|logical_(and|or)|map_agg|max|max_by|median|min|min_by|mode"
    r"|multimap_agg|numeric_histogram|object_agg|percentile\w*|product|quantile\w*|range_agg|regr_\w+|skewness|std\w*"
    r"|string_agg|sum\w*|uniq\w*|var|varp|var_\w+|variance|xmlagg|group(array|uniqarray|bit\w+))$"
)
_GENERATORS = re.compile(
    r"^(unnest|flatten|generate_\w+|range|sequence|json\w*_(each|array_elements|object_keys|table)\w*|json_each"
    r"|json_tree|jsonb_path_query|string_split|string_to_table|regexp_split_to_table|regexp_matches|split_to_table"
    r"|strtok_split_to_table|open_?json|explode\w*|posexplode\w*|inline\w*|stack|json_tuple|jsonb?_to_record\w*"
    r"|date_?range|range)$"
)

_WINDOW_ONLY = tuple(
    cls
    for cls in (getattr(exp, name, None) for name in ("Lag", "Lead", "FirstValue", "LastValue", "NthValue"))
    if cls is not None
)
_DATE_PARTS_TEXT = (
    "year years yyyy yy quarter quarters qq month months mm week weeks ww isoweek isoyear day days dd dayofweek "
    "dayofyear doy dow hour hours hh minute minutes mi second seconds ss millisecond milliseconds ms microsecond "
    "microseconds us nanosecond nanoseconds ns epoch century decade date"
)
_DATE_PARTS = frozenset(_DATE_PARTS_TEXT.split())
_DATE_FUNCTIONS = re.compile(r"date|time|trunc|diff|add|extract|part|slice|bucket|last_day|interval")


def name_of(node: exp.Expr) -> str:
    """The name of a function, in lower case."""
    if isinstance(node, (exp.Anonymous, exp.AnonymousAggFunc)):
        this = node.this
        return (this if isinstance(this, str) else this.name).lower()
    return _class_name(node.__class__.__name__, tuple(getattr(node, "_sql_names", None) or ()))


@cache
def _class_name(name: str, sql_names: tuple[str, ...]) -> str:
    return (sql_names[0] if sql_names else re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).lower()


@lru_cache(maxsize=4096)
def hides(name: str) -> bool:
    """Whether the function's result doesn't tell its argument: a hash, a count."""
    return bool(_HASHES.match(name) or _COUNTS.match(name))


def aggregates(node: exp.Expr) -> bool:
    """Whether the function makes one value of many rows. Those that pick a row of a window do not."""
    if isinstance(node, _WINDOW_ONLY):
        return False
    if isinstance(node, (exp.AggFunc, exp.WithinGroup)):
        return True
    return isinstance(node, (exp.Anonymous, exp.AnonymousAggFunc)) and aggregate_name(name_of(node))


@lru_cache(maxsize=4096)
def aggregate_name(name: str) -> bool:
    """Whether a function of this name is an aggregate."""
    return bool(_AGGREGATES.match(name) or _COUNTS.match(name))


def generates(node: exp.Expr) -> bool:
    """Whether a function in FROM makes rows of its arguments alone; others may read anything."""
    if isinstance(
        node,
        (exp.Unnest, exp.Explode, exp.Posexplode, exp.Inline, exp.Stack, exp.GenerateSeries, exp.Generator),
    ):
        return True
    return bool(_GENERATORS.match(name_of(node)))


def is_date_part(name: str, function: str) -> bool:
    """Whether an argument that looks like a column is a unit of time."""
    return name.lower() in _DATE_PARTS and bool(_DATE_FUNCTIONS.search(function))
