"""Two producers name one table differently: one node for whom wants it, both names for whom does not."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from otel_bridge.identity import Name
from otel_bridge.testing import BridgeProcess, Events, Sink
from tests.acceptance.test_foreign_events import deliver
from tests.acceptance.test_service import cli
from tests.identity.named import body, dataset
from tests.otlp import Exporter, span, span_id, trace_id

TABLE = Name("duckdb:///data/shop.duckdb", "shop.main.orders")
ELSEWHERE = Name("duckdb:///data/dev.duckdb", "shop.main.orders")
ASSET = Name("dagster://prod", "shop/orders")
UNTOLD = Name("dagster://prod", "main/customers")
CUSTOMERS = Name("duckdb:///data/shop.duckdb", "shop.main.customers")


def destination(name: str, sink: Sink, **consumer: Any) -> dict[str, Any]:
    quick = {"first": "10ms", "longest": "50ms"}
    return {"name": name, "type": "http", "url": sink.url, "retry": quick} | consumer


def names(events: Events, job: str) -> set[Name]:
    found = events.of(job)
    return {Name(d["namespace"], d["name"]) for e in found for d in (*e["inputs"], *e["outputs"])}


def own_run(bridge: BridgeProcess, job: str, table: Name, *aliases: Name) -> None:
    """A span of ours that writes a table, and what else it says that it is called."""
    links = [{**alias._asdict(), "type": "ASSET"} for alias in aliases]
    outputs = json.dumps([{**table._asdict(), "symlinks": links}])
    Exporter(bridge.endpoints.http).traces(span(trace_id(), span_id(), job=job, openlineage__outputs=outputs))


def other_run(bridge: BridgeProcess, job: str, *inputs: Name, outputs: tuple[Name, ...] = ()) -> None:
    """An event of another producer."""
    at = {"namespace": "elsewhere", "name": job, "facets": {}}
    deliver(
        bridge, body([dataset(n) for n in inputs], [dataset(n) for n in outputs], str(uuid.uuid4()), job=at)
    )


def delivered(bridge: BridgeProcess) -> list[int]:
    return [one["delivered"] for one in bridge.health()["destinations"]]


def get(bridge: BridgeProcess, **query: str) -> tuple[int, Any]:
    url = f"{bridge.api_url}/api/v1/aliases?{urlencode(query)}"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_one_node_by_two_names(tmp_path: Path) -> None:
    with Sink() as one, Sink() as both:
        bridge = BridgeProcess(
            tmp_path / "b", [destination("one", one, canonical_names=True), destination("both", both)]
        )
        with bridge:
            other_run(bridge, "before", ASSET)
            bridge.wait(lambda: len(one.events) == 1, "delivers what it knows no better")
            own_run(bridge, "load", TABLE, ASSET)
            bridge.wait(lambda: delivered(bridge) == [3, 3], "delivers the run")
            bridge.kill()
        with bridge:
            other_run(bridge, "after", ASSET)
            bridge.wait(lambda: len(one.events) == 4 and len(both.events) == 4, "delivers to both")
            assert names(one.events, "load") == names(one.events, "after") == {TABLE}
            assert names(both.events, "after") == names(one.events, "before") == {ASSET}
            (read,) = one.events.one("after", "COMPLETE")["inputs"]
            assert read["facets"]["symlinks"]["identifiers"] == [{**ASSET._asdict(), "type": "ASSET"}]
            cli(bridge, "replay", "--destination", "one", "--after", "0")
            bridge.wait(lambda: len(one.events) == 8, "delivers again")
            assert names(Events(one.events.all[4:]), "before") == {TABLE}, "by what is known now"
            assert bridge.health()["identity"] == {
                "datasets": 1,
                "aliases": 1,
                "conflicts": {},
                "refused": {},
            }


@pytest.fixture
def asked(tmp_path: Path):
    with BridgeProcess(tmp_path / "b") as bridge:
        own_run(bridge, "load", TABLE, ASSET, Name("dagster://prod", "orders"))
        own_run(bridge, "dev", ELSEWHERE, ASSET)
        other_run(bridge, "customers", outputs=(CUSTOMERS, UNTOLD))
        bridge.wait_for_events(5)
        yield bridge


def doctor(bridge: BridgeProcess) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "otel_bridge",
        "doctor",
        "--config",
        str(bridge.directory / "bridge.json"),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_what_contradicts_itself_is_said_everywhere_and_the_user_decides(asked: BridgeProcess) -> None:
    status, told = get(asked)
    assert (status, told["total"], told["conflicts_total"]) == (200, 1, 1)
    (conflict,) = told["conflicts"]
    assert conflict["alias"] == ASSET._asdict()
    assert conflict["datasets"] == [ELSEWHERE._asdict(), TABLE._asdict()]
    assert {s["job"]["name"] for s in conflict["statements"]} == {"load", "dev"}
    assert asked.health()["identity"]["conflicts"] == {"alias_of_several": 1}

    _, explained = get(asked, namespace="dagster://prod", name="orders")
    assert (explained["canonical"], explained["decided_by"]) == (TABLE._asdict(), "symlinks")
    assert explained["statements"][0]["event"] in (1, 2, 3, 4)
    assert get(asked, namespace="dagster://prod")[0] == get(asked, limit="many")[0] == 400

    said = cli(asked, "aliases", "explain", *ASSET)
    assert "dagster://prod  shop/orders is its own canonical name" in said
    assert "decide in identity.aliases" in said
    listed = [json.loads(line) for line in cli(asked, "aliases", "list", "--format", "json").splitlines()]
    assert [list(line) for line in listed] == [["dataset"], ["conflict"]]
    assert "conflict: several datasets claim dagster://prod  shop/orders" in cli(asked, "aliases", "list")


def test_doctor_prints_what_to_paste_and_changes_nothing(asked: BridgeProcess) -> None:
    found = doctor(asked)
    assert found.returncode == 1, "a conflict is a finding"
    assert "several datasets claim dagster://prod  shop/orders" in found.stdout
    pasted = yaml.safe_load(found.stdout[found.stdout.index("\nidentity:") :])
    assert pasted["identity"]["aliases"] == [
        {"canonical": CUSTOMERS._asdict(), "aliases": [UNTOLD._asdict()]}
    ]
    assert get(asked, **UNTOLD._asdict())[1]["canonical"] == UNTOLD._asdict()

    decided = {"canonical": TABLE._asdict(), "aliases": [ASSET._asdict()]}
    pasted["identity"]["aliases"].append(decided)
    asked.stop()
    config = asked.directory / "bridge.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | pasted))
    found = doctor(asked)
    assert found.returncode == 0, found.stdout
    assert "identity:" not in found.stdout
    assert "identity.aliases" in cli(asked, "aliases", "explain", *UNTOLD)


def test_what_doctor_prints_is_what_it_means_whatever_a_name_holds(tmp_path: Path) -> None:
    hostile = "ORDERS\nreceive: {grpc: {enabled: false}}\n#\x1b[2J\u202e"
    with BridgeProcess(tmp_path / "b") as bridge:
        names_of = (Name("postgres://db:5432", one) for one in (hostile, hostile.lower()))
        other_run(bridge, "load", outputs=tuple(names_of))
        bridge.wait_for_events(1)
        said = doctor(bridge).stdout
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "\nidentity:" in said
    assert "\nreceive:" not in said
