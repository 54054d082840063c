"""`python -m chaos.fuzz --requests 1000000 --seed 1`: run a campaign, print progress, keep the section of the page.

A campaign that was interrupted goes on after its last stage when it is started again with the same seed; `--again`
begins anew. `--batch N` repeats one batch, to look at a finding.
"""

import argparse
import shlex
import signal
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from chaos.fuzz.built import built
from chaos.fuzz.campaign import BATCH, Campaign
from chaos.fuzz.outcome import Outcome
from chaos.fuzz.pure import Pure
from chaos.fuzz.section import section
from chaos.report import RESULTS, keep

STAGES = 10


class State(msgspec.Struct):
    """Where a campaign stands."""

    seed: int
    requests: int
    batches: int = 0
    seconds: float = 0.0
    outcome: Outcome = msgspec.field(default_factory=Outcome)


def main() -> int:
    """Exit code 1 if there are findings."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the bridge ends with us
    file = RESULTS / "state" / f"fuzz-{options.seed}-{options.requests}.json"
    state = State(options.seed, options.requests)
    if file.exists() and not options.again and options.batch is None:
        state = msgspec.json.decode(file.read_bytes(), type=State)
        _say(f"going on after batch {state.batches} of an earlier run")
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(Path(folder), options.seed, state.outcome, built(options.seed))
        with campaign:
            if options.batch is not None:
                campaign.run(options.batch, 1)
                campaign.settle()
            else:
                _stages(campaign, state, file)
    if options.batch is None:
        _in_process(state.outcome, options)
        command = shlex.join(["python", "-m", "chaos.fuzz", *sys.argv[1:]])
        keep("fuzz", section(state.outcome, campaign, state.seed, state.seconds, command))
        file.unlink(missing_ok=True)
    for finding in state.outcome.findings:
        _say(
            f"{finding.door}, {finding.kind}, batch {finding.batch}: {finding.what}\n    {finding.request[:300]!r}"
        )
    return 1 if state.outcome.findings else 0


def _stages(campaign: Campaign, state: State, file: Path) -> None:
    total = -(-state.requests // BATCH)
    size = max(1, total // STAGES)
    while state.batches < total:
        began = time.monotonic()
        count = min(size, total - state.batches)
        campaign.run(state.batches, count)
        sent_s = time.monotonic() - began
        campaign.settle()
        state.batches += count
        state.seconds += time.monotonic() - began
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.encode(state))
        rss = ", ".join(f"{name} {mib:.0f}" for name, mib in campaign.stages[-1].reading.rss.items())
        _say(
            f"{state.outcome.total} requests, {count * BATCH / sent_s:.0f}/s, settled after {state.seconds:.0f} s, "
            f"{len(state.outcome.findings)} findings, MiB: {rss}"
        )


def _in_process(outcome: Outcome, options: argparse.Namespace) -> None:
    count = options.in_process if options.in_process is not None else options.requests // 10
    began = time.monotonic()
    Pure(outcome, options.seed, built(options.seed)).run(count)
    _say(f"{count} inputs in process in {time.monotonic() - began:.0f} s, {len(outcome.findings)} findings")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m chaos.fuzz", description="Hostile requests to every door of a bridge."
    )
    parser.add_argument("--requests", type=int, default=1_000_000, help="hostile requests through the doors")
    parser.add_argument(
        "--in-process", type=int, help="inputs to the pure layers; default: a tenth of the requests"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, help="repeat this batch alone")
    parser.add_argument("--again", action="store_true", help="begin anew")
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
