"""Facts of real dbt: a child process runs commands by `dbtRunner` and writes down what the facts say at each hook."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.dbt.running import ROOT, Project

Commands = Mapping[str, Sequence[str]]

PLUGIN = ROOT / "instrumentation/otel-bridge-dbt"

PROGRAM = f"""
import json, os, sys, threading
sys.path.insert(0, {str(PLUGIN)!r})
os.environ["OTEL_BRIDGE_DBT_DISABLED"] = "1"
from dbt.cli.main import dbtRunner
from dbt.task.base import BaseRunner
from dbt.task.run_operation import RunOperationTask
from dbt.task.runnable import GraphRunnableTask
from dbt_otel_bridge import columns, facts

lock = threading.Lock()
notes = open(sys.argv[2], "w")
call_runner, run, task_run, operate = (
    GraphRunnableTask.call_runner, BaseRunner.run, GraphRunnableTask.run, RunOperationTask.run
)

def tell(moment, said):
    with lock:
        # dbt's own threads write to the standard output
        notes.write(json.dumps({{"moment": moment, "said": said}}) + "\\n")
        notes.flush()

def call_and_tell(self, runner, *args, **kwargs):
    tell("start", facts.node_start(self, runner.node, self.manifest, runner))
    result = call_runner(self, runner, *args, **kwargs)
    tell("end", facts.node_end(self, runner.node, self.manifest, runner, result))
    return result

def run_and_ask(self, node, manifest):
    result = run(self, node, manifest)
    facts.node_ran(self, node, manifest)
    return result

def task_and_tell(self):
    tell("invocation", facts.invocation(self))
    results, error = None, None
    try:
        results = task_run(self)
        return results
    except BaseException as raised:
        error = raised
        raise
    finally:
        tell("invocation_end", facts.invocation_end(self, results, error))

def operate_and_tell(self):
    tell("operation", facts.operation(self))
    return operate(self)

GraphRunnableTask.call_runner, BaseRunner.run = call_and_tell, run_and_ask
GraphRunnableTask.run, RunOperationTask.run = task_and_tell, operate_and_tell
for command in json.loads(sys.argv[1]):
    if command[0] == "python":
        exec(command[1])
        continue
    tell("command", {{"words": command}})
    done = dbtRunner().invoke(command)
    if done.exception:
        print(repr(done.exception), file=sys.stderr)
"""


@dataclass(frozen=True)
class Told:
    """What was told in one command."""

    moments: tuple[tuple[str, dict[str, Any]], ...]

    def of(self, moment: str) -> dict[str, Any]:
        """The attributes of the only moment of its kind."""
        (found,) = [said for name, said in self.moments if name == moment]
        return found

    def node(self, name: str, moment: str = "end", kind: str = "node") -> dict[str, Any]:
        """The attributes of a node, found by its unique id without type and project."""
        (found,) = self.nodes(name, moment, kind)
        return found

    def nodes(self, name: str, moment: str = "end", kind: str = "node") -> list[dict[str, Any]]:
        """All that was told of a node at a moment."""
        return [
            said
            for told, said in self.moments
            if told == moment and said["dbt.kind"] == kind and said["unique_id"].split(".", 2)[2] == name
        ]


def facts_of(project: Project, commands: Commands) -> dict[str, Told]:
    """What was told in each command, all in one process; JSON strings are read.

    A command ("python", SCRIPT) runs between the others and tells nothing.
    """
    notes = project.folder / "told.jsonl"
    done = project.program(PROGRAM, json.dumps(list(commands.values())), str(notes))
    assert done.code == 0, done.output
    assert "Traceback" not in done.output, done.output
    lines = [json.loads(line) for line in notes.read_text().splitlines()]
    told: list[list[tuple[str, dict[str, Any]]]] = []
    for line in lines:
        if line["moment"] == "command":
            told.append([])
        else:
            told[-1].append((line["moment"], {name: opened(value) for name, value in line["said"].items()}))
    telling = [name for name, words in commands.items() if words[0] != "python"]
    return dict(zip(telling, (Told(tuple(moments)) for moments in told), strict=True))


def opened(value: Any) -> Any:
    """The value of a JSON text, anything else as it is."""
    return json.loads(value) if isinstance(value, str) and value[:1] in {"{", "["} else value


def names(relations: Iterable[dict[str, Any]]) -> list[str]:
    """`database.schema.identifier` of relations, without the database."""
    return [f"{relation['schema']}.{relation['identifier']}" for relation in relations]


def shape(relation: dict[str, Any]) -> dict[str, str | None]:
    """Columns of a relation with their types."""
    return {column["name"]: column.get("type") for column in relation["columns"]}
