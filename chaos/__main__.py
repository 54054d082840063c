"""`python -m chaos [--seed N] [--runs N] [--kills N] [--scenario NAME ...] [--write FILE]`.

Status 1 if an invariant was broken. Without `--seed` one is drawn, and shown, so that the run can be repeated.
"""

import argparse
import random
import sys
from pathlib import Path

from chaos import report
from chaos.scenarios import SCENARIOS, Size, Skipped, invariants, timed


def main() -> int:
    """Carry out scenarios and write the page."""
    options = _options()
    size = Size(options.seed or random.randrange(1, 100_000), options.runs, options.kills)
    failed = [name for name in options.scenario or SCENARIOS if not _passed(name, size)]
    report.keep("invariants", invariants())
    page = report.page(report.kept())
    if options.write:
        options.write.write_text(page)
    else:
        print(page, end="")
    return 1 if failed else 0


def _passed(name: str, size: Size) -> bool:
    try:
        section, seconds = timed(SCENARIOS[name], size)
    except Skipped as reason:
        print(f"{name}: skipped: {reason}", file=sys.stderr, flush=True)
        return True
    report.keep(name, section)
    verdict = "BROKEN" if section.failed else "holds"
    print(f"{name}: {verdict}, {seconds:.0f} s, seed {size.seed}", file=sys.stderr, flush=True)
    if section.failed:
        print(section.after, file=sys.stderr, flush=True)
    return not section.failed


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="of all decisions; default: drawn, and shown")
    parser.add_argument("--runs", type=int, default=2000, help="runs of the largest scenario; default: 2000")
    parser.add_argument("--kills", type=int, default=24, help="kills of the largest scenario; default: 24")
    parser.add_argument("--scenario", nargs="+", choices=SCENARIOS, help="default: all of them")
    parser.add_argument("--write", type=Path, metavar="FILE", help="where the page goes; default: stdout")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
