"""Writes events with symlinks, a few in each transaction, and says after each how far it is, until it is killed.

Usage: learner.py DIRECTORY
"""

import sys
import time
from pathlib import Path

from otel_bridge.journal import Batch, EventLog
from otel_bridge.settings import Journal
from tests.identity.named import body, dataset, event
from tests.identity.test_names_journal import alias_of, table

log = EventLog.open(Path(sys.argv[1]), Journal())
number = log.cursor
while True:
    numbers = range(number, number + 3)
    made = [event(body([dataset(table(n), alias_of(n))])) for n in numbers]
    number += 3
    log.commit(Batch(events=made, cursor=number), None, time.time_ns())
    print(number, flush=True)
