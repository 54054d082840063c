"""What was acknowledged survives kill -9; what a full disk refuses is refused retryably."""

import json
import random

from otel_bridge.journal import AcceptedLog, AcceptedReader, sums
from otel_bridge.settings import Journal

ROUNDS = 15


def test_every_acknowledged_row_survives_being_killed(tmp_path, script):
    rng = random.Random(1)
    acknowledged: set[str] = set()
    for turn in range(ROUNDS):
        process = script("appender.py", tmp_path, turn)
        for _ in range(rng.randrange(1, 400)):
            acknowledged.add(process.stdout.readline().strip())
        process.kill()
        acknowledged.update(
            line.strip() for line in process.stdout.read().splitlines(keepends=True) if line[-1] == "\n"
        )
        process.wait()
        assert acknowledged <= kept(tmp_path)
    AcceptedLog.open(tmp_path, Journal()).close()
    found, names = sums(tmp_path), kept(tmp_path)
    assert found.accepted == len(names) >= len(acknowledged) > ROUNDS
    assert found.received == found.not_lineage + found.accepted
    assert found.accepted_bytes == 2500 * len(names)


def test_a_full_disk_refuses_and_goes_on_when_space_returns(tmp_path, script):
    for seed in range(2):
        directory = tmp_path / str(seed)
        report = json.loads(script("full_disk.py", directory, seed).communicate()[0])
        assert (report["troubles"], report["cleared"]) == (3, 3)
        assert len(report["refused"]) == 9
        assert kept(directory) == set(report["kept"])
        found = sums(directory)
        assert found.received == len(report["kept"]) + 3 * 5
        assert found.accepted == len(report["kept"])


def kept(directory):
    reader = AcceptedReader(directory)
    names: set[str] = set()
    after = 0
    while rows := reader.read(after, 1000):
        after = rows[-1].seq
        names |= {r.payload.decode().rstrip(" .") for r in rows}
    assert after == len(names), "numbered without gaps"
    reader.close()
    return names
