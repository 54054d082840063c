"""The one-line hook, for each package of ours."""

import otel_bridge_dagster
import otel_bridge_pyiceberg

otel_bridge_dagster.instrument()
otel_bridge_pyiceberg.instrument()
