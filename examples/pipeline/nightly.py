"""The parent: starts each step as a process of its own, and goes on when one fails."""

import subprocess
import sys
from pathlib import Path

from otel_lineage import child_env, lineage_run

HERE = Path(__file__).parent
STEPS = ("load_orders.py", "daily_revenue.py", "customer_report.py")


def main(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    with lineage_run("nightly", job_type="PIPELINE"):
        codes = [
            subprocess.run([sys.executable, HERE / step, folder], env=child_env(), check=False).returncode
            for step in STEPS
        ]
    print(f"nightly: {codes.count(0)} of {len(codes)} steps succeeded\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute()))
