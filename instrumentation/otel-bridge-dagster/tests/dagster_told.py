"""Facts of real Dagster: a child process runs a script and writes down what the facts say at each hook."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ROOT / "instrumentation"
PYTHON = Path(os.environ.get("OTEL_BRIDGE_DAGSTER_PYTHON") or ROOT / ".venv-dagster/bin/python")
WITHIN_S = 120

BEFORE = """
import functools, json, os, sys, tempfile, time
from dagster._core.execution import api, execute_in_process, host_mode
from dagster._core.execution.plan import execute_plan, execute_step, inputs
from dagster import *
try:
    from dagster._core.execution.context.data_version_cache import DataVersionCache as Fetching
except ImportError:
    from dagster._core.execution.context.system import StepExecutionContext as Fetching
from otel_bridge_dagster import facts

notes, open_steps = open(sys.argv[1], "w"), []

def tell(moment, said):
    notes.write(json.dumps({"moment": moment, "said": said}) + "\\n")
    notes.flush()

def mark(name):
    tell("mark", {"name": name})

def run_and_tell(wrapped):
    def run(job_context, execution_plan):
        tell("run_start", facts.run_start(job_context))
        told = facts.RunTold()
        try:
            for event in wrapped(job_context, execution_plan):
                told.event(event)
                yield event
        finally:
            tell("run_end", facts.run_end(job_context, told, sys.exc_info()[1]))
    return run

def step_and_tell(wrapped):
    def step(step_context, *args, **kwargs):
        tell("step_start", facts.step_start(step_context))
        made = facts.assets_of(step_context)
        for key in made:
            tell("asset_start", facts.asset_start(step_context, key))
        told = facts.StepTold()
        open_steps.append(told)
        try:
            for event in wrapped(step_context, *args, **kwargs):
                told.event(event)
                yield event
        finally:
            error = sys.exc_info()[1]
            for key in made:
                tell("asset_end", facts.asset_end(step_context, key, told, error))
            tell("step_end", facts.step_end(step_context, told, error))
            open_steps.pop()
    return step

def load_and_tell(wrapped):
    def load(io_manager, context):
        for value in wrapped(io_manager, context):
            if not isinstance(value, DagsterEvent):
                open_steps[-1].loaded(io_manager, context, value)
            yield value
    return load

def store_and_tell(wrapped):
    def store(step_context, handle, output):
        for event in wrapped(step_context, handle, output):
            if event.event_type_value == "HANDLED_OUTPUT":
                manager = step_context.get_io_manager(handle)
                context = facts.output_context(step_context, handle, output.metadata)
                open_steps[-1].stored(manager, context, output.value)
            yield event
    return store

def fetch_and_tell(self, key, *rest):
    event = fetch(self, key, *rest)
    open_steps[-1].upstream_event(key, event)
    return event

fetch, Fetching._get_input_asset_event = Fetching._get_input_asset_event, fetch_and_tell
api.job_execution_iterator = execute_in_process.job_execution_iterator = run_and_tell(api.job_execution_iterator)
execute_plan.dagster_event_sequence_for_step = step_and_tell(execute_plan.dagster_event_sequence_for_step)
inputs._load_input_with_input_manager = load_and_tell(inputs._load_input_with_input_manager)
execute_step._store_output = store_and_tell(execute_step._store_output)
"""
"""What a script finds: all of `dagster`, and hooks that tell."""


@dataclass(frozen=True)
class Told:
    """What was told in one script."""

    moments: tuple[tuple[str, dict[str, Any]], ...]

    def after(self, mark: str) -> "Told":
        """What was told after a mark, up to the next one."""
        starts = [place for place, (name, _) in enumerate(self.moments) if name == "mark"]
        first = next(place for place in starts if self.moments[place][1]["name"] == mark)
        last = next((place for place in starts if place > first), None)
        return Told(self.moments[first + 1 : last])

    def of(self, moment: str) -> list[dict[str, Any]]:
        """The attributes of all moments of a kind, in their order."""
        return [said for name, said in self.moments if name == moment]

    def asset(self, key: str, moment: str = "asset_end") -> dict[str, Any]:
        """The attributes of the last such moment of an asset."""
        return [said for said in self.of(moment) if "/".join(said["dagster.asset"]["key"]) == key][-1]

    def step(self, key: str, moment: str = "step_end") -> dict[str, Any]:
        """The attributes of the last such moment of a step."""
        return [said for said in self.of(moment) if said["dagster.step_key"] == key][-1]

    def output(self, key: str) -> dict[str, Any]:
        """The only output of an asset."""
        (dataset,) = self.asset(key)["dagster.outputs"]
        return dataset

    def inputs(self, key: str) -> dict[str, dict[str, Any]]:
        """The inputs of an asset by their asset key."""
        return by_key(self.asset(key).get("dagster.inputs", []))


def by_key(datasets: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The datasets by their asset key."""
    return {"/".join(dataset.get("asset_key", ["-"])): dataset for dataset in datasets}


def facts_of(script: str, folder: Path, env: Mapping[str, str] = {}) -> Told:
    """What was told while the script ran with Dagster's Python in the folder."""
    if not PYTHON.exists():
        reason = f"there is no Dagster at {PYTHON}; run `make .venv-dagster/run`"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    notes, program = folder / "told.jsonl", folder / "program.py"
    program.write_text(BEFORE + script)
    paths = (str(PACKAGES / "otel-bridge-dagster"), str(PACKAGES / "otel-lineage"))
    switched = {"PYTHONPATH": os.pathsep.join(paths), "DAGSTER_HOME": "", "OTEL_BRIDGE_DAGSTER_DISABLED": "1"}
    done = subprocess.run(
        [str(PYTHON), str(program), str(notes)],
        cwd=folder,
        env=os.environ | switched | dict(env),
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    lines = [json.loads(line) for line in notes.read_text().splitlines()]
    return Told(tuple((line["moment"], line["said"]) for line in lines))
