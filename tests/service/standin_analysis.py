"""An analysing process that does what the statement tells it to: its frames and limits are the real ones."""

import os
import sys
import time

from otel_bridge.sql import Analysis, Statement
from otel_bridge.sql.worker import IDLE_S, run


def analyse(statement: Statement) -> Analysis:  # noqa: C901
    word, _, rest = statement.sql.partition(" ")
    match word:
        case "sleep":
            time.sleep(60)
        case "spin":
            while True:
                pass
        case "die":
            os._exit(1)
        case "die-once":
            if not os.path.exists(rest):
                open(rest, "w").close()
                os._exit(1)
        case "raise":
            raise ValueError(rest)
        case "nest":
            return analyse(statement)
        case "fill":
            bytearray(8 * 1024**3)
        case "print":
            print(rest)
            os.write(2, rest.encode())
        case "pid":
            return Analysis(reads=((str(os.getpid()),),))
    return Analysis(reads=((statement.sql[:50],),))


if __name__ == "__main__":
    run(lambda: analyse, int(sys.argv[-1]), idle_s=0.05 if "--restless" in sys.argv else IDLE_S)
