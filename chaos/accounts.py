"""Whether the bridge's own account, `/health`, adds up, and agrees with what we sent and got."""

from collections.abc import Iterable, Iterator
from typing import Any

from chaos.plan import Plan
from chaos.sender import Line
from chaos.verify import Findings


def unsound(health: dict[str, Any]) -> list[str]:
    """Which of the sums of `/health` do not add up, and what should be zero at the end and is not."""
    received, conversion = health["received"], health["conversion"]
    parts = received["not_lineage"] + received["duplicate"] + received["accepted"]
    found = []
    if received["total"] != parts + sum(received["rejected"].values()) or received["rejected"]:
        found.append(f"received does not add up, or something was rejected: {received}")
    if conversion["accepted"] != conversion["converted"] or conversion["failed"] or conversion["waiting"]:
        found.append(f"conversion does not add up, or is not done: {conversion}")
    found += [
        f"destination {one['name']} has not delivered everything: {one}"
        for one in health["destinations"]
        if one["events"] != one["delivered"]
    ]
    if not health["accepting"]:
        found.append(f"still refusing: {health['reason']}")
    return found


def disagreements(findings: Findings, repeated: int, health: dict[str, Any]) -> Iterator[str]:
    """What a bridge counts otherwise than we do: events of each destination, and what it was sent repeatedly."""
    for one in health["destinations"]:
        if one["events"] != (arrived := findings.distinct[one["name"]]):
            yield f"destination {one['name']} has {one['events']} events by /health, {arrived} arrived there"
    if (duplicate := health["received"]["duplicate"]) < repeated:
        yield f"{repeated} runs and starts were acknowledged once more, /health knows of {duplicate}"


def repetitions(plan: Plan, lines: Iterable[Line]) -> int:
    """How often a span of a run, or a start event, was acknowledged after it had been acknowledged before."""
    acked = {line.number for line in lines if line.outcome == "acked"}
    again: dict[int, int] = {}
    for sending in plan.sendings:
        if sending.again >= 0 and sending.number in acked:
            again[sending.again] = again.get(sending.again, 0) + 1
    return sum(
        max(sum((number in acked) + again.get(number, 0) for number in numbers) - 1, 0)
        for run in plan.runs.values()
        for numbers in (run.sendings, run.starts)
    )
