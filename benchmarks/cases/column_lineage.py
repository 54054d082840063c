"""Column lineage from SQL: what a model costs whose statement is new, and one whose statement is known."""

import json
import random
from typing import Any

import msgspec

from benchmarks import payloads, peers
from benchmarks.bench import Bench, Spent, spending
from benchmarks.figures import Check, Findings, Spread, Table, Target
from benchmarks.payloads import NOUNS, TYPES, WAREHOUSE, Body
from benchmarks.peers import BRIDGE, Peer
from benchmarks.sink import Sink

MODELS = 25
"""In a request, under one root."""
REQUESTS = 8
"""In a round."""
COLUMNS = 12
NEW_MS, KNOWN_MS, BESIDE_MS = 15.0, 1.0, 0.0
WITHIN_S = 120.0
NEW, KNOWN, WITHOUT = "new statements", "known statements", "column_lineage.enabled: false"

TEXT = """\
Requests of {models} models of dbt under one root: four import CTEs over two tables of {columns} columns each, a join with
conditions, aggregates and a window, a final `select *`; {size:,} bytes of SQL on average, every span becomes START and
COMPLETE. *New*: each statement differs from all before; *known*: the same requests again with new trace ids. CPU of all
processes of the bridge per model in milliseconds, from the first byte received to the last event delivered over HTTP;
*analysing* is the part of the process that reads the SQL."""

SQL = """\
with orders as (select * from {orders}),
lines as (select * from {lines}),
paid as (
    select orders.*, row_number() over (partition by orders.{o0} order by orders.{o1} desc) as position_{n}
    from orders where orders.{o2} is not null
),
joined as (
    select paid.{o0}, paid.{o3} as first_value, lines.{l1}, lines.{l2},
        case when lines.{l3} is null then 0 else lines.{l4} end as amount_{n}, coalesce(paid.{o5}, lines.{l5}) as state
    from paid left join lines on paid.{o0} = lines.{l0} where paid.position_{n} = 1
),
summed as (
    select {o0}, first_value, state, sum(amount_{n}) as total, count(*) as how_many, max({l1}) as latest,
        min({l2}) as earliest, md5(state) as key
    from joined group by {o0}, first_value, state
)
select * from summed
"""


class _Round(msgspec.Struct, frozen=True):
    """Milliseconds of CPU per model."""

    all: float
    analysing: float


def measure(bench: Bench) -> Findings:
    """Each round: new statements, the same ones again, and new ones at a bridge that reads none."""
    found: dict[str, list[_Round]] = {NEW: [], KNOWN: [], WITHOUT: []}
    checks: list[Check] = []
    if BRIDGE in bench.wanted:
        checks = _measured(bench, found)
    rows: list[list[object]] = [
        [name, Spread.of(r.all for r in rounds), Spread.of(r.analysing for r in rounds)]
        for name, rounds in found.items()
        if rounds
    ]
    size = sum(len(_sql(random.Random(n), n)) for n in range(20)) / 20
    return Findings(
        title="Column lineage",
        text=TEXT.format(models=MODELS, columns=COLUMNS, size=round(size)),
        tables=[Table(["", "CPU per model", "of that analysing"], rows)],
        targets=[
            Target("CPU per model, new statement", f"≤ {NEW_MS:.0f} ms", NEW_MS, _median(found[NEW])),
            Target(
                "CPU per known statement, above none",
                f"≤ {KNOWN_MS:.0f} ms",
                KNOWN_MS,
                _difference(found[KNOWN], found[WITHOUT]),
            ),
        ],
        checks=checks,
    )


def _measured(bench: Bench, found: dict[str, list[_Round]]) -> list[Check]:
    folder, requests = bench.directory / "column-lineage", bench.count(REQUESTS)
    destination = {"type": "http"}
    off = {"column_lineage": {"enabled": False}}
    with (
        Sink() as sink,
        peers.bridge(folder / "on", destination | {"url": sink.url}) as on,
        Sink() as other,
        peers.bridge(folder / "off", destination | {"url": other.url}, off) as without,
    ):
        sent = {NEW: 0, WITHOUT: 0}
        for number in range(-1, bench.rounds):
            bodies = bench.bodies(
                f"column-lineage-{number}", [_body(number * 1000 + i) for i in range(requests)]
            )
            for name, peer, end in ((NEW, on, sink), (KNOWN, on, sink), (WITHOUT, without, other)):
                place = WITHOUT if name == WITHOUT else NEW
                sent[place] += requests * (MODELS + 1)
                spent = _round(bench, peer, bodies, requests, end, sent[place])
                if number >= 0:
                    found[name].append(_per_model(spent, requests * MODELS))
        figures = on.health()["column_lineage"] if on.health else {}
    whole = figures.get("columns", 0) > 0 and figures["columns"] == figures["resolved"]
    said = f"{figures.get('resolved', 0)} of {figures.get('columns', 0)} columns are resolved"
    return [Check(said, whole)]


def _round(bench: Bench, peer: Peer, bodies: str, requests: int, sink: Sink, sent: int) -> Spent:
    with spending(peer) as spent:
        bench.send(peer, "http", bodies, requests)
        sink.wait_for(2 * sent, within_s=WITHIN_S)
    return spent[0]


def _per_model(spent: Spent, models: int) -> _Round:
    return _Round(spent.all / models / 1000, spent.roles.get("analyse", 0.0) / models / 1000)


def _median(rounds: list[_Round]) -> float | None:
    return Spread.of(r.all for r in rounds).median if rounds else None


def _difference(some: list[_Round], others: list[_Round]) -> float | None:
    pairs = [one.all - other.all for one, other in zip(some, others, strict=True)]
    return Spread.of(pairs).median if pairs else None


def _body(variant: int) -> Body:
    return payloads.runs(
        [_model(random.Random(f"{variant} {i}"), variant * MODELS + i) for i in range(MODELS)],
        f"build_{variant}",
    )


def _model(rng: random.Random, number: int) -> dict[str, Any]:
    inputs = [_table("raw", name, number, rng) for name in ("orders", "lines")]
    return {
        "openlineage.job.name": f"analytics.model_{number}",
        "openlineage.job.type": "MODEL",
        "openlineage.job.integration": "DBT",
        "openlineage.inputs": json.dumps(inputs, separators=(",", ":")),
        "openlineage.outputs": json.dumps([{"namespace": WAREHOUSE, "name": f"shop.mart.model_{number}"}]),
        "openlineage.sql": _sql(rng, number),
        "openlineage.sql.dialect": "postgres",
    }


def _table(schema: str, name: str, number: int, rng: random.Random) -> dict[str, Any]:
    columns = [
        {"name": f"{NOUNS[i % len(NOUNS)]}_{name[0]}{i}", "type": rng.choice(TYPES)} for i in range(COLUMNS)
    ]
    return {"namespace": WAREHOUSE, "name": f"shop.{schema}.{name}_{abs(number)}", "schema": columns}


def _sql(rng: random.Random, number: int) -> str:
    names = {
        name: [column["name"] for column in _table("raw", name, number, rng)["schema"]]
        for name in ("orders", "lines")
    }
    columns = {f"{name[0]}{i}": column for name, all_ in names.items() for i, column in enumerate(all_)}
    tables = {name: f'"shop"."raw"."{name}_{abs(number)}"' for name in names}
    return SQL.format(n=abs(number), **columns, **tables)
