"""`python -m benchmarks [--write FILE] [--quick] [--only CASE ...]`: measure, and write the page."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import report
from benchmarks.bench import Bench
from benchmarks.cases import CASES
from benchmarks.figures import Findings
from benchmarks.load import Generator
from benchmarks.peers import BRIDGE, COLLECTOR, NAIVE

PEERS = (BRIDGE, COLLECTOR, NAIVE)


def main() -> int:
    """Status 1 if something that went in did not come out; a target that is not reached is no failure."""
    options = _options()
    load = report.load_average()
    with Generator() as generator:
        bench = Bench(
            directory=Path(),
            generator=generator,
            rounds=options.rounds or (1 if options.quick else 5),
            scale=0.05 if options.quick else 1.0,
            wanted=frozenset(options.peers),
        )
        if options.quick:
            bench.note("A quick run: it shows that everything works, its figures mean little.")
        findings = [_measured(bench, name, options.directory) for name in options.only or CASES]
    _deliver(report.page(bench, findings, load), options.write)
    return 0 if all(check.holds for each in findings for check in each.checks) else 1


def _measured(bench: Bench, name: str, parent: str | None) -> Findings:
    """One case, in a folder of its own."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=parent, prefix="otel-bridge-bench-") as folder:
        bench.directory = Path(folder)
        findings = CASES[name](bench)
    print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return findings


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="where the page goes; default: stdout")
    parser.add_argument("--quick", action="store_true", help="1 round with a twentieth of the requests")
    parser.add_argument("--only", nargs="+", choices=CASES, metavar="CASE", help=f"of {', '.join(CASES)}")
    parser.add_argument(
        "--peers", nargs="+", choices=PEERS, default=PEERS, help="what to measure; default: all"
    )
    parser.add_argument("--rounds", type=int, help="rounds of each case; default: 5")
    parser.add_argument(
        "--directory",
        help="where journals go, on the disk to be measured; default: the system's temporary folder",
    )
    return parser.parse_args()


def _deliver(page: str, file: Path | None) -> None:
    if file:
        file.write_text(page)
    else:
        print(page, end="")


if __name__ == "__main__":
    sys.exit(main())
