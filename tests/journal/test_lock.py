"""One service per data directory."""

import os
import subprocess
import sys

import pytest

from otel_bridge.journal import hold
from otel_bridge.model import DirectoryInUse, JournalError

HOLDER = """
import sys
from pathlib import Path
from otel_bridge.journal import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=path) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_process_is_told_who_has_it_and_what_to_do(tmp_path, holder):
    with pytest.raises(DirectoryInUse) as caught:
        hold(tmp_path)
    said = str(caught.value)
    assert f"in use by process {holder.pid}, started 20" in said
    assert said.endswith("stop that process, or give this one a data_dir of its own")


@pytest.mark.parametrize("end", ["close", "kill"])
def test_it_is_free_when_the_holder_ends_in_whatever_way(tmp_path, holder, end):
    holder.stdin.close() if end == "close" else holder.kill()
    holder.wait()
    with hold(tmp_path):
        assert f"pid {os.getpid()}\n" in (tmp_path / "lock").read_text()


def test_a_predecessor_on_its_way_out_is_waited_for(tmp_path, holder):
    with pytest.raises(DirectoryInUse):
        hold(tmp_path, wait_s=0.2)
    holder.stdin.close()
    hold(tmp_path, wait_s=60).release()


def test_a_directory_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="choose another with data_dir"):
        hold(tmp_path / "file" / "data")
