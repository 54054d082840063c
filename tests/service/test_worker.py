"""What a child process reads from its parent before it does anything else."""

import os
import threading
from dataclasses import replace

import pytest

from otel_bridge.service.worker import settings_from_wire, settings_to_wire
from otel_bridge.settings import CustomFacet, Settings

LARGE = Settings(
    data_dir="data",
    facets=(CustomFacet(name="acme_cost", slot="run", schema={"description": "x" * 300_000}),),
)


@pytest.mark.parametrize("settings", [replace(LARGE, facets=()), LARGE], ids=["small", "large"])
def test_settings_of_any_size_arrive_and_what_follows_is_left_in_the_pipe(settings: Settings) -> None:
    reading, writing = os.pipe()
    wire = settings_to_wire(settings) + b'{"accepting": true}\n'
    with os.fdopen(writing, "wb", buffering=0) as parent, os.fdopen(reading, "rb", buffering=0) as child:
        sender = threading.Thread(target=parent.write, args=(wire,))
        sender.start()
        assert settings_from_wire(child) == settings
        assert child.read(100) == b'{"accepting": true}\n'
        sender.join()


def test_a_parent_that_ends_meanwhile_is_said_plainly() -> None:
    reading, writing = os.pipe()
    os.write(writing, settings_to_wire(LARGE)[:100])
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as child, pytest.raises(SystemExit, match="parent process"):
        settings_from_wire(child)
