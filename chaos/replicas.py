"""Three bridges behind the Collector's `load_balancing` exporter: one is away for a while, one is taken out.

The spans name their parents and roots, as otel-lineage makes them do: only then does it not matter which replica
sees which span. At the end some requests go to every replica by hand, and must come out the same everywhere.
"""

import http.client
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import yaml

from chaos.accounts import unsound
from chaos.bridge import Victim
from chaos.far import Arrival
from chaos.plan import Plan
from chaos.storm import SETTLED_WITHIN_S, STRAY_S, Outcome, Sending, http_fars
from chaos.verify import missing, verify
from tests.parts import collector

REPLICAS = 3
PUBLIC_URL = "http://lineage.example:4319"
BY_HAND = 30
BACKOFF = {"initial_interval": "500ms", "max_interval": "1s"}


class Gateway:
    """The shipped gateway with its load-balancing layer, for bridges at fixed addresses, without tracing."""

    def __init__(self, directory: Path, stack: ExitStack, hosts: Sequence[str]) -> None:
        self._config = directory / "balanced.yaml"
        self._write(hosts)
        self.collector = stack.enter_context(collector.run(configs=[self._config], directory=directory))

    def spread(self, hosts: Sequence[str]) -> None:
        """Go on with these bridges; what waits for another is sent to one of them."""
        self._write(hosts)
        self.collector.kill()
        self.collector.start()

    def _write(self, hosts: Sequence[str]) -> None:
        base = yaml.safe_load((collector.CONFIG / "gateway.yaml").read_text())
        layer = yaml.safe_load((collector.CONFIG / "gateway-load-balancing.yaml").read_text())
        exporter = layer["exporters"]["load_balancing/bridge"]
        exporter["resolver"] = {"static": {"hostnames": list(hosts)}}
        exporter["retry_on_failure"] |= BACKOFF
        base["exporters"] = layer["exporters"]
        del base["service"]["pipelines"]["traces/tracing"]
        for name, pipeline in layer["service"]["pipelines"].items():
            base["service"]["pipelines"][name] |= pipeline
        self._config.write_text(yaml.safe_dump(base))


class _Stage:
    def __init__(self, plan: Plan, directory: Path, stack: ExitStack) -> None:
        self.plan = plan
        self.fars = http_fars(plan, directory)
        for far in self.fars:
            stack.callback(far.stop)
        settings = {"api": {"public_url": PUBLIC_URL}}
        destinations = [far.destination for far in self.fars]
        self.victims = [
            Victim(directory / f"replica-{n}", destinations, plan.seed + n, settings=settings)
            for n in range(REPLICAS)
        ]
        for victim in self.victims:
            stack.callback(victim.stop)
            victim.start()
        self.gateway = Gateway(directory, stack, self._hosts(self.victims))
        ends = self.gateway.collector
        target = ends.http_endpoint.removeprefix("http://")
        self.sending = Sending(plan, directory, target, ends.grpc_endpoint)
        stack.callback(self.sending.stop)
        self._allowed = 0
        self.done: Counter[str] = Counter()

    def play(self, kills: int) -> None:
        """By progress: kills, one replica away and back, one replaced by the others and back with its backlog."""
        first, second, third = self.victims
        for number in range(kills):
            self._upto(0.2 * (number + 1) / kills)
            self.victims[number % REPLICAS].strike(
                ("all", "convert", "receive")[number % 3], "in a commit", self._nudge
            )
        self._upto(0.3)
        first.strike("all", "in a commit", self._nudge, back=False)
        self.done["replica away"] += 1
        self._upto(0.45, wait=False)
        time.sleep(2)
        first.start()
        self._upto(0.6)
        second.strike("all", "in a commit", self._nudge, back=False)
        self.gateway.spread(self._hosts([first, third]))
        self.done["replica taken out"] += 1
        self._upto(0.8)
        second.start()
        self._upto(1.0)

    def by_hand(self) -> None:
        """The same requests to every replica."""
        chosen = [s for s in self.plan.sendings if s.signal == "traces" and not s.cut][-BY_HAND:]
        for victim in self.victims:
            for sending in chosen:
                _post(victim.bridge.endpoints.http, sending.body)
        self.done["requests sent to every replica"] = len(chosen)

    def settled(self) -> bool:
        """Whether nothing waits anywhere, and nothing is missing."""
        healths = [victim.health() for victim in self.victims]
        return all(map(_idle, healths)) and not missing(self.plan, self.sending.lines, self.arrived())

    def arrived(self) -> dict[str, Iterable[Arrival]]:
        """By destination."""
        return {far.name: list(far.arrivals()) for far in self.fars}

    def _upto(self, share: float, *, wait: bool = True) -> None:
        upto = int(share * len(self.plan.sendings))
        self._allowed = max(self._allowed, upto)
        self.sending.allow(self._allowed)
        if wait:
            self.sending.wait_for(upto)

    def _nudge(self) -> None:
        self._allowed += 2
        self.sending.allow(self._allowed)

    @staticmethod
    def _hosts(victims: Iterable[Victim]) -> list[str]:
        return [victim.bridge.endpoints.grpc for victim in victims]


def run(plan: Plan, kills: int, directory: Path) -> Outcome:
    """Carry it out."""
    started = time.monotonic()
    with ExitStack() as stack:
        stage = _Stage(plan, directory, stack)
        stage.play(kills)
        for far in stage.fars:
            far.recover()
        _wait_until_settled(stage)
        stage.by_hand()
        _wait_until_settled(stage)
        time.sleep(STRAY_S)
        healths = [victim.health() for victim in stage.victims]
        broken = [said for health in healths for said in unsound(health)]
        broken += [f"exit code {code}" for victim in stage.victims if (code := victim.stop())]
        lines = stage.sending.lines
        findings = verify(plan, lines, stage.arrived(), parent_wait_s=0)
    return Outcome(
        findings=findings,
        done=dict(stage.done),
        killed=_summed(victim.killed for victim in stage.victims),
        moments=_summed(victim.moments for victim in stage.victims),
        faults={far.name: dict(far.served) for far in stage.fars},
        attempts=dict(Counter(line.outcome for line in lines)),
        retried=sum(line.outcome == "retry" for line in lines),
        health=healths[0],
        broken=broken,
        seconds=time.monotonic() - started,
    )


def _wait_until_settled(stage: _Stage) -> None:
    end = time.monotonic() + SETTLED_WITHIN_S
    while time.monotonic() < end and not stage.settled():
        time.sleep(0.5)


def _idle(health: dict[str, Any]) -> bool:
    return bool(health) and not (
        health["conversion"]["waiting"] + sum(one["waiting"] for one in health["destinations"])
    )


def _summed(counts: Iterable[Counter[str]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(total)


def _post(target: str, body: bytes) -> None:
    with closing(http.client.HTTPConnection(target, timeout=10)) as connection:
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
        status = connection.getresponse().status
    assert status == 200, f"a replica answered {status}"
