"""dbt's artifacts: read into pieces, whatever the release, and what runs are completed with."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.extract.dialects.dbt import artifacts, completion, manifest, relating
from otel_bridge.extract.dialects.dbt.artifacts import NoArtifact
from otel_bridge.extract.dialects.dbt.facts import Column, Invocation, Quoted, Relation
from otel_bridge.extract.dialects.dbt.pieces import (
    CATALOG,
    MANIFEST,
    RUN_RESULTS,
    SOURCES,
    SQL,
    MemoryPieces,
    Piece,
    complete,
)
from otel_bridge.extract.wanted import Wanted
from otel_bridge.model import EventType, JobDescribed, State
from otel_bridge.namespaces import Namespaces
from otel_bridge.settings import Dbt, Namespace
from tests.dbt import recordings

SCOPE = "dbt:1f4e"
ORDERS = "model.everything.orders"


def manifest_of(nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    metadata = {
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
        "invocation_id": "1f4e",
        "project_name": "shop",
        "adapter_type": "duckdb",
    }
    sections = {name: more.pop(name, {}) for name in manifest.SECTIONS if name != "nodes"}
    return {"metadata": metadata | more, "nodes": nodes, "macros": {}, **sections}


def model(name: str, *above: str, **said: Any) -> dict[str, Any]:
    return {
        "unique_id": f"model.shop.{name}", "resource_type": "model", "name": name, "package_name": "shop", "alias": name,
        "database": "db", "schema": "main", "relation_name": f'"db"."main"."{name}"', "language": "sql",
        "config": {"materialized": "table"}, "depends_on": {"nodes": list(above), "macros": []},
    } | said  # fmt: skip


def read(document: Any) -> artifacts.Artifact:
    return artifacts.read(json.dumps(document).encode())


def kept(*documents: Any) -> MemoryPieces:
    pieces = MemoryPieces()
    for document in documents:
        found = read(document)
        for part, source, piece in found.pieces:
            pieces.put(f"dbt:{found.invocation_id}", part, source, piece)
    return pieces


def node(pieces: MemoryPieces, name: str, sql: str = "", **invocation: Any):
    return relating.node(pieces, SCOPE, name, sql, Invocation(**invocation))


class TestKinds:
    @pytest.mark.parametrize(
        ("command", "name", "kind"),
        [
            ("build", "manifest", MANIFEST),
            ("build", "run_results", RUN_RESULTS),
            ("docs", "catalog", CATALOG),
            ("freshness", "sources", SOURCES),
        ],
    )
    @pytest.mark.parametrize("version", ["as it is", "https://schemas.getdbt.com/dbt/{}/v99.json", None, ""])
    def test_told_by_version_or_by_keys(self, command, name, kind, version):
        document = recordings.artifact(command, name)
        if version != "as it is":
            document["metadata"]["dbt_schema_version"] = version and version.format(name.replace("_", "-"))
        found = read(document)
        assert (found.kind, found.invocation_id) == (kind, recordings.invocation_id(command))
        assert len(list(found.pieces)) > 1

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"", "this is no JSON"),
            (b'{"metadata": {"dbt_schema_ver', "this is no JSON"),
            (b"\xff{}", "this is no JSON"),
            (b"[]", "this is not one of"),
            (b"{}", "names no schema version"),
            (b'{"metadata": 7}', "this is not one of"),
            (
                b'{"metadata": {"dbt_schema_version": "https://x/dbt/semantic-manifest/v1"}}',
                "semantic-manifest",
            ),
            (b'{"nodes": {}, "macros": {}}', "no metadata.invocation_id"),
            (
                b'{"metadata": {"invocation_id": "a", "dbt_schema_version": "/dbt/manifest/v12"}}',
                "no `nodes`",
            ),
            (
                b'{"metadata": {"invocation_id": "a", "dbt_schema_version": "/dbt/run-results/v6"}}',
                "no `results`",
            ),
            (b'{"nodes": [], "macros": {}, "metadata": {"invocation_id": "a"}}', "this is not manifest.json"),
            (b'{"x": ' + b"[" * 100_000, "nested too deep"),
            (
                b'{"nodes": {"m": {"name": "\xff"}}, "macros": {}, "metadata": {"invocation_id": "a"}}',
                "this is no JSON",
            ),
            (
                b'{"nodes": {"m": {"name": "\\ud800"}}, "macros": {}, "metadata": {"invocation_id": "a"}}',
                "this is no JSON",
            ),
        ],
    )
    def test_what_is_none_says_what_to_do(self, body, reason):
        with pytest.raises(NoArtifact, match=reason) as caught:
            list(artifacts.read(body).pieces)
        assert "give " in str(caught.value)

    @pytest.mark.parametrize(
        ("command", "name"),
        [("build", "manifest"), ("build", "run_results"), ("docs", "catalog"), ("freshness", "sources")],
    )
    def test_reduced_it_says_the_same(self, command, name):
        body = (recordings.target(command) / f"{name}.json").read_bytes()
        small = artifacts.reduced(body)
        assert list(artifacts.read(small).pieces) == list(artifacts.read(body).pieces)
        assert len(small) < len(body)
        assert artifacts.reduced(small) == small


class TestManifest:
    def test_an_entry_that_is_not_as_it_should_be_costs_no_other(self):
        odd = model("odd", tags=7, meta="x", columns={"a": {"name": "a", "data_type": 5}}, version=[1])
        pieces = kept(manifest_of({"model.shop.odd": odd, "model.shop.b": model("b", "model.shop.odd")}))
        assert node(pieces, "model.shop.odd").name == "odd"
        assert [r.identifier for r in node(pieces, "model.shop.b").inputs] == ["odd"]

    def test_reads_pass_through_what_has_no_relation(self):
        ephemeral = model(
            "e", "source.shop.raw.o", "model.shop.a", config={"materialized": "ephemeral"}, relation_name=None
        )
        source = {
            "resource_type": "source",
            "name": "o",
            "identifier": "o_v3",
            "relation_name": '"db"."raw"."o_v3"',
        }
        nodes = {
            "model.shop.a": model("a"),
            "model.shop.e": ephemeral,
            "model.shop.b": model("b", "model.shop.e", "model.shop.a", "model.gone.x", "model.shop.b"),
        }
        pieces = kept(manifest_of(nodes, sources={"source.shop.raw.o": source}))
        assert [r.identifier for r in node(pieces, "model.shop.b").inputs] == ["o_v3", "a", "b"]
        assert node(pieces, "model.shop.e").output is None

    @pytest.mark.parametrize(
        ("written", "relation"),
        [
            ('"db"."main"."a"', Relation(database="db", schema="main", identifier="a", quoted=Quoted(True, True, True))),
            ("DB.main.A", Relation(database="DB", schema="main", identifier="A", quoted=Quoted())),
            ("`p`.`ds`.`a`", Relation(database="p", schema="ds", identifier="a", quoted=Quoted(True, True, True))),
            ("main.a", Relation(schema="main", identifier="a", quoted=Quoted())),
            ('"d""b".main."a.b"', Relation(database='d"b', schema="main", identifier="a.b", quoted=Quoted(True, False, True))),
            ("[db].[main].[a]", Relation(database="db", schema="main", identifier="a", quoted=Quoted(True, True, True))),
            (None, Relation(database="db", schema="main", identifier="a")),
            ("read_csv('/data/a.csv', header = true)", Relation(path="/data/a.csv")),
            ("'s3://lake/a.parquet'", Relation(path="s3://lake/a.parquet")),
            ("read_csv('a.csv')", None),
            ("read_csv(['/a.csv', '/b.csv'])", None),
            ("a.b.c.d", None),
            ("db..a", None),
        ],
    )  # fmt: skip
    def test_relations_are_named_as_sql_names_them(self, written, relation):
        pieces = kept(manifest_of({"model.shop.a": model("a", relation_name=written)}))
        found = pieces.of(SCOPE, "model.shop.a")[MANIFEST].relation
        if relation is None:
            assert found is None
        else:
            named = ("database", "schema", "identifier", "quoted", "path")
            assert [getattr(found, n) for n in named] == [getattr(relation, n) for n in named]

    def test_a_manifest_without_sql_erases_none(self):
        with_sql = manifest_of({"model.shop.a": model("a", compiled_code="select 1 as x")})
        pieces = kept(with_sql, manifest_of({"model.shop.a": model("a")}))
        assert pieces.of(SCOPE, "model.shop.a")[SQL].node.sql == "select 1 as x"

    def test_with_defer_the_sql_decides(self):
        nodes = {
            "model.shop.a": model("a"),
            "model.shop.ab": model("ab"),
            "model.shop.b": model("b", "model.shop.a", "model.shop.ab"),
        }
        pieces = kept(manifest_of(nodes))
        sql = 'select * from "db"."main"."ab" join "db"."prod"."a" using (id)'
        assert [r.identifier for r in node(pieces, "model.shop.b", sql, flags={"defer": True}).inputs] == [
            "ab"
        ]
        assert [r.identifier for r in node(pieces, "model.shop.b", sql).inputs] == ["a", "ab"]
        assert node(pieces, "model.shop.b", "", flags={"defer": True}).inputs == ()

    def test_a_clone_reads_another_state_of_which_nothing_is_known(self):
        pieces = kept(manifest_of({"model.shop.a": model("a"), "model.shop.b": model("b", "model.shop.a")}))
        cloned = node(pieces, "model.shop.b", command="clone")
        assert (cloned.inputs, cloned.output.identifier) == ((), "b")

    def test_a_test_writes_only_if_it_keeps_what_fails(self):
        said = {"resource_type": "test", "config": {"materialized": "test", "store_failures": True}}
        pieces = kept(
            manifest_of(
                {"model.shop.t": model("t", **said), "model.shop.u": model("u", **said | {"config": {}})}
            )
        )
        assert node(pieces, "model.shop.t").output.identifier == "t"
        assert node(pieces, "model.shop.u").output is None
        assert node(pieces, "model.shop.u", flags={"store_failures": True}).output.identifier == "u"


Y, X = {"name": "y", "type": "DATE", "index": 2}, {"name": "X", "type": "INT", "index": 1}
CATALOG_METADATA = {
    "dbt_schema_version": "/dbt/catalog/v1",
    "invocation_id": "1f4e",
    "generated_at": "2026-11-25T08:00:00Z",
}
CATALOG_DOCUMENT = {
    "metadata": CATALOG_METADATA,
    "nodes": {"model.shop.a": {"columns": {"y": Y, "x": X}}},
    "sources": {},
}
DESCRIBED = {"x": {"name": "x", "description": "An x.", "data_type": "text"}}


class TestCatalog:
    def relation(self, *, contract: bool = False, of: dict[str, str] | None = None) -> Relation:
        said = model("a", columns=DESCRIBED, contract={"enforced": contract})
        pieces = kept(manifest_of({"model.shop.a": said}))
        beside = of and msgspec.convert(of, artifacts.Metadata)
        for part, source, piece in artifacts.read(
            json.dumps(CATALOG_DOCUMENT).encode(), beside or None
        ).pieces:
            pieces.put(SCOPE, part, source, piece)
        found = relating.relation(pieces.of(SCOPE, "model.shop.a"))
        assert found is not None
        return found

    def test_its_columns_in_order_with_what_the_project_says(self):
        found = self.relation()
        assert found.columns == (Column("X", "INT", "An x."), Column("y", "DATE"))
        assert (found.columns_complete, found.columns_from) == (True, "catalog")

    def test_one_that_is_older_than_the_run_is_not_all_there_is(self):
        found = self.relation(of={"invocation_id": "1f4f", "generated_at": "2026-11-25T08:00:01Z"})
        assert (found.columns_complete, len(found.columns)) == (False, 2)
        contract = self.relation(
            contract=True, of={"invocation_id": "1f4f", "generated_at": "2026-11-25T08:00:01Z"}
        )
        assert (contract.columns_complete, contract.columns_from, len(contract.columns)) == (
            True,
            "contract",
            1,
        )

    def test_one_that_is_younger_is(self):
        assert self.relation(
            of={"invocation_id": "1f4f", "generated_at": "2026-11-25T07:59:59Z"}
        ).columns_complete

    def test_columns_that_dbt_adds_to_a_snapshot_are_known_as_such(self):
        manifest_ = {
            "resource_type": "snapshot",
            "config": {"materialized": "snapshot", "snapshot_meta_column_names": {"dbt_valid_to": "y"}},
        }
        pieces = kept(manifest_of({"model.shop.a": model("a", **manifest_)}), CATALOG_DOCUMENT)
        found = relating.relation(pieces.of(SCOPE, "model.shop.a"))
        assert [(c.name, c.generated) for c in found.columns] == [("X", False), ("y", True)]


class TestFinished:
    def transitions(self, command: str, **dbt: Any) -> list[Any]:
        pieces = MemoryPieces()
        for name in ("manifest", "run_results", "sources"):
            if (recordings.target(command) / f"{name}.json").exists():
                found = read(recordings.artifact(command, name))
                for part, source, piece in found.pieces:
                    pieces.put(f"dbt:{found.invocation_id}", part, source, piece)
        scope = f"dbt:{recordings.invocation_id(command)}"
        assert complete(pieces, scope)
        names = Namespaces(Namespace())
        made = completion.Completion(pieces, names, Wanted(dbt=Dbt(**dbt)))
        return list(made.finished(scope[4:], pieces.parts(scope, {RUN_RESULTS, SOURCES}), "floe.test.dbt"))

    def test_start_and_end_of_everything_in_dbts_own_times(self):
        told = self.transitions("build")
        assert (told[0].run.job.name, told[0].type) == ("dbt-build-everything", EventType.START)
        assert (told[-1].run.job.name, told[-1].type) == ("dbt-build-everything", EventType.FAIL)
        starts = [t for t in told if t.type is EventType.START]
        assert [t.at_ns for t in starts[1:]] == sorted(t.at_ns for t in starts[1:])
        assert {t.run.run_id for t in starts} == {t.run.run_id for t in told if t.type is not EventType.START}
        assert len(told) == 2 * len(starts) == 2 * len({t.run.run_id for t in told})
        assert all(t.at_ns <= told[-1].at_ns for t in told)
        assert {t.run.parent.run_id for t in told[1:-1]} == {told[0].run.run_id}

    def test_no_run_of_what_does_nothing(self):
        kinds = {t.run.job_values["type"] for t in self.transitions("build")}
        assert kinds == {"JOB", "HOOK", "MODEL", "SEED", "SNAPSHOT", "TEST", "UNIT_TEST"}

    def test_why_it_failed_and_what_was_skipped(self):
        ends = {t.run.job.name: t for t in self.transitions("build") if t.type is not EventType.START}
        broken = ends["model.everything.broken"]
        assert (broken.type, broken.run.error.message[:13]) == (EventType.FAIL, "Runtime Error")
        assert ends["model.everything.after_broken"].run.state is State.SKIP

    def test_a_command_that_moves_no_data_gives_jobs(self):
        told = self.transitions("docs")
        assert {type(t) for t in told} == {JobDescribed}
        assert ORDERS in {t.job.name for t in told}
        assert not [t.job.name for t in told if t.job.name.startswith("operation")]

    def test_freshness(self):
        ends = {t.run.job.name: t for t in self.transitions("freshness") if t.type is not EventType.START}
        clicks = ends["source.everything.landing.clicks"].run
        assert clicks.inputs[0].name == "everything.landing.clicks_v3"
        assert clicks.inputs[0].facets["dbt_freshness"]["max_loaded_at"].startswith("20")
        assert clicks.inputs[0].values["assertions"][0]["assertion"] == "freshness"
        assert clicks.outputs == ()


shallow = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
keys = st.sampled_from(
    ["nodes", "metadata", "columns", "config", "depends_on", "tags", "meta", "relation_name", "results", "unique_id", "status",
     "timing", "invocation_id", "dbt_schema_version", "name", "resource_type", "contract", "test_metadata", "sources", "macros"]
)  # fmt: skip
anything = st.recursive(
    shallow,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@given(anything, st.sampled_from(["manifest", "run_results", "catalog", "sources"]), st.data())
@settings(max_examples=300, deadline=None)
def test_no_value_anywhere_raises_anything_else(value, name, data):
    document = recordings.artifact({"catalog": "docs", "sources": "freshness"}.get(name, "build"), name)
    place: Any = document
    for _ in range(data.draw(st.integers(0, 5))):
        if not isinstance(place, dict | list) or not place:
            break
        inner = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if isinstance(place[inner], dict | list) and place[inner] and data.draw(st.integers(0, 3)):
            place = place[inner]
        else:
            place[inner] = value
            break
    try:
        found = read(document)
        pieces = {part: piece for part, _, piece in found.pieces}
        msgspec.json.decode(msgspec.json.encode(list(pieces.values())), type=list[Piece])
        artifacts.reduced(json.dumps(document).encode())
    except NoArtifact:
        return


def test_a_python_model_has_code_and_no_sql() -> None:
    told = [
        t for t in TestFinished().transitions("build") if t.run.job.name == "model.everything.order_scores"
    ]
    assert [t.type for t in told] == [EventType.START, EventType.COMPLETE]
    for one in told:
        assert "sql" not in one.run.job_values
        assert one.run.job_facets["sourceCode"]["language"] == "python"


def test_the_invocation_in_its_own_words() -> None:
    last = TestFinished().transitions("build")[-1].run
    assert "timing" not in last.run_facets["dbt_result"]
    flags = last.run_facets["dbt_run"]["flags"]
    assert (flags["event_time_start"], flags["event_time_end"]) == (
        "2026-11-01T00:00:00Z",
        "2026-11-04T00:00:00Z",
    )


@pytest.mark.parametrize(
    ("adapter", "materialized", "response", "rows"),
    [
        ("snowflake", "table", {"code": "SUCCESS", "rows_affected": 1}, None),
        ("snowflake", "incremental", {"code": "SUCCESS", "rows_affected": 7}, 7),
        ("postgres", "table", {"code": "SELECT", "rows_affected": 1}, 1),
        ("bigquery", "view", {"code": "CREATE VIEW", "rows_affected": 3}, None),
    ],
)
def test_rows_are_those_that_were_written(adapter: str, materialized: str, response: Any, rows: Any) -> None:
    nodes = {"model.shop.a": model("a", config={"materialized": materialized})}
    outcome = {"unique_id": "model.shop.a", "status": "success", "adapter_response": response}
    results = {"metadata": {"invocation_id": "1f4e"}, "args": {"which": "run"}, "results": [outcome]}
    pieces = kept(manifest_of(nodes, adapter_type=adapter), results)
    made = completion.Completion(pieces, Namespaces(Namespace()), Wanted())
    ends = [t for t in made.finished("1f4e", ["model.shop.a"], "ns") if t.type is EventType.COMPLETE]
    assert ends[0].run.outputs[0].values.get("row_count") == rows
