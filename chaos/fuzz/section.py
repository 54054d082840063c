"""The part of docs/reliability.md that a campaign writes."""

from collections import Counter

from chaos.fuzz.campaign import Campaign
from chaos.fuzz.outcome import Outcome
from chaos.report import Section, machine, made

TEXT = """\
Mutated real requests, requests built by hypothesis, and lineage that makes no sense, against every door of one running
bridge. Between them valid requests go over the same connections: each must be acknowledged and all of its events must
arrive in order. Every answer must be a well-formed OTLP answer that tells a sender not to repeat, or a clean close."""


def section(outcome: Outcome, campaign: Campaign, seed: int, seconds: float, command: str) -> Section:
    """Figures as rows, requests and answers as tables."""
    first, last = campaign.stages[0].reading, campaign.stages[-1].reading
    rows = [
        ("Hostile requests", f"{outcome.total:,}"),
        ("Inputs to the pure layers, in process", f"{_in_process(outcome):,}"),
        ("Valid requests between them, all acknowledged and delivered in order", f"{outcome.neighbours:,}"),
        ("Events delivered", f"{outcome.events:,}"),
        ("Findings", str(len(outcome.findings))),
        *(
            (
                f"Memory of `{n}`: after a tenth, at the end, highest",
                _mib(first.rss[n], last.rss[n], campaign.peak[n]),
            )
            for n in last.rss
        ),
        *(
            (f"Open files of `{n}`: after a tenth, at the end", f"{first.files[n]}, {last.files[n]}")
            for n in last.files
        ),
        ("Duration, until all was delivered", f"{seconds:.0f} s"),
        ("Seed", str(seed)),
        ("Machine", machine()),
        ("Made", made()),
        ("Command", f"`{command}`"),
    ]
    after = "\n\n".join((_requests(outcome), _answers(outcome)))
    return Section(
        title="Hostile requests", order=60, text=TEXT, rows=rows, after=after, failed=bool(outcome.findings)
    )


def _mib(*of: float) -> str:
    return ", ".join(f"{mib:.0f}" for mib in of) + " MiB"


def _in_process(outcome: Outcome) -> int:
    return sum(outcome.by_door(outcome.requests).get("in process", Counter()).values())


def _requests(outcome: Outcome) -> str:
    """Mutations by door; of several mutations of one request the first counts."""
    doors = {door: _by_first(kinds) for door, kinds in outcome.by_door(outcome.requests).items()}
    head = [f"| mutation | {' | '.join(doors)} |", f"| --- |{' ---: |' * len(doors)}"]
    mutations = sorted({kind for kinds in doors.values() for kind in kinds})
    rows = [f"| {m} | {' | '.join(_shown(kinds[m]) for kinds in doors.values())} |" for m in mutations]
    return "\n".join([*head, *rows])


def _shown(number: int) -> str:
    return f"{number:,}" if number else ""


def _by_first(kinds: Counter[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for kind, number in kinds.items():
        found[kind.partition(",")[0]] += number
    return found


def _answers(outcome: Outcome) -> str:
    lines = ["| door | answer | requests |", "| --- | --- | ---: |"]
    for door, classes in outcome.by_door(outcome.answers).items():
        lines += [f"| {door} | {answer} | {number:,} |" for answer, number in sorted(classes.items())]
    return "\n".join(lines)
