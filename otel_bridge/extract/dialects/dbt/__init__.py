"""dbt, told by otel-bridge-dbt, by dbt-core's own spans, by dbt v2's, or by its artifacts: one mapping."""
