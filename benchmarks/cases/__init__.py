"""The cases by name; each is a function from a `Bench` to `Findings`."""

from collections.abc import Callable, Mapping
from functools import partial

from benchmarks.bench import Bench
from benchmarks.cases import column_lineage, dagster, dbt, dbt_inside, latency, lineage, memory, refused
from benchmarks.figures import Findings
from benchmarks.payloads import LARGE, SMALL

CASES: Mapping[str, Callable[[Bench], Findings]] = {
    **{door.name: partial(refused.measure, door=door) for door in refused.DOORS},
    "lineage-small": partial(lineage.measure, name="small", size=SMALL),
    "lineage-large": partial(lineage.measure, name="large", size=LARGE),
    "column-lineage": column_lineage.measure,
    "latency": latency.measure,
    "memory": memory.measure,
    "dbt-50": partial(dbt.measure, nodes=50),
    "dbt-500": partial(dbt.measure, nodes=500),
    "dbt-inside": dbt_inside.measure,
    "dagster-step": dagster.measure,
}
