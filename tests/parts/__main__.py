"""`python -m tests.parts build [PART ...]` builds the real parts; `list` says which are built."""

import argparse
import os
import sys

from tests.parts import PartMissing
from tests.parts.required import PARTS


def main() -> int:
    """Build or list. A missing part makes the exit status 1 if it was named, or if `CI` is set."""
    parser = argparse.ArgumentParser(prog="python -m tests.parts", description=__doc__)
    parser.add_argument("command", choices=["build", "list"])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"unknown part {', '.join(sorted(unknown))}; choose from {', '.join(PARTS)}")
    found = [_report(part, options.command) for part in options.parts or PARTS]
    return 1 if not all(found) and (options.parts or os.environ.get("CI")) else 0


def _report(part: str, command: str) -> bool:
    module = PARTS[part]
    try:
        path = module.build() if command == "build" else module.installed()
        print(f"{part} {module.VERSION}: {path}", flush=True)
    except PartMissing as missing:
        print(f"missing: {missing}", file=sys.stderr, flush=True)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
