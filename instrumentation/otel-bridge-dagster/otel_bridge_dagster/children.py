"""Step processes of the multiprocess executor: what Dagster pickles for them takes the instrumentation and the run along.

A spawned or forked child listens to Dagster as soon as it has unpickled its command, without a launcher around it.
"""

from typing import Any

from otel_lineage.trouble import guarded

from otel_bridge_dagster import parents

ATTRIBUTE = "_otel_bridge"


class Handed:
    """Rides on a command of the multiprocess executor."""

    def __init__(self, run_id: str, carrier: dict[str, str]) -> None:
        self.run_id = run_id
        self.carrier = carrier

    def __reduce__(self) -> tuple[Any, ...]:
        return _taken, (self.run_id, self.carrier)


def around_command(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Around the making of a command."""
    result = wrapped(*args, **kwargs)
    _hand(instance)
    return result


@guarded("handing a run to a step's process", fallback=None)
def _hand(command: Any) -> None:
    run_id = command.dagster_run.run_id
    setattr(command, ATTRIBUTE, Handed(run_id, parents.carrier_of(run_id)))


def _taken(run_id: str, carrier: dict[str, str]) -> Handed:
    """In the child."""
    _listen(run_id, carrier)
    return Handed(run_id, carrier)


@guarded("listening in a step's process", fallback=None)
def _listen(run_id: str, carrier: dict[str, str]) -> None:
    from otel_bridge_dagster import instrument

    parents.carried(run_id, carrier)
    instrument()
