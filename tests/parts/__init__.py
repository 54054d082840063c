"""The real parts that tests run against: an OpenTelemetry Collector, Jaeger, Kafka, Marquez.

Every part is one module with `build()` (the built artefact, made on first use and cached) and `run(...)`, a
context manager that gives the running process: `pid`, its ports, `log`, `kill()`, `stop()`, `restart()`.

    with collector.run(configs=["gateway.yaml"], directory=tmp_path) as gateway:
        gateway.kill()
        gateway.restart()
"""

from tests.parts._build import PartMissing
from tests.parts._process import PartFailed

__all__ = ["PartFailed", "PartMissing"]
