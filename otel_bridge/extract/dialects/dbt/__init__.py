"""dbt, told by otel-bridge-dbt, by dbt-core's own spans, by dbt v2's, or by its artifacts: one mapping.

`facts` is what every reader gives (`ours`, `native`, `fusion`, `artifacts`) and `mapping` takes; `dialect` chooses the
reader. Names of jobs, states and datasets are decided in `jobs`, `states` and `naming` alone.
"""
