"""Mappings of the user's own spans: what they fit, what they say, what the receiving process looks for, and faults."""

import msgspec
import pytest
import yaml
from pydantic import TypeAdapter

from otel_bridge.config import load
from otel_bridge.extract import Wanted, extract, markers
from otel_bridge.extract.mappings import Mappings, check_mappings
from otel_bridge.extract.templates import Template, TemplateError
from otel_bridge.model import (
    ConfigError,
    IoObserved,
    LeftOut,
    Resource,
    RunObserved,
    Scope,
    Span,
    SpanSeen,
    State,
    Status,
    Unusable,
    run_id_of,
)
from otel_bridge.namespaces import Namespaces
from otel_bridge.settings import Dialects, Namespace, SpanMapping

NAMES = Namespaces(Namespace())
TRACE, SPAN, ABOVE = "0af7651916cd43dd8448eb211c80319c", "b" * 16, "c" * 16
ID = "0f5c2b9e-7a63-4c0c-9e0b-0c4c2e9e6a11"
ADAPTER = TypeAdapter(tuple[SpanMapping, ...])


def mappings(text: str) -> tuple[SpanMapping, ...]:
    return ADAPTER.validate_python(yaml.safe_load(text))


def span(attributes: dict, name: str = "sync", scope: str = "acme.sync", **said) -> Span:
    place = {"trace_id": TRACE, "span_id": SPAN, "parent_span_id": ABOVE, "start_ns": 5, "end_ns": 9}
    return Span(**(place | said), name=name, attributes=attributes, scope=Scope(scope))


def said(item: Span, text: str):
    return extract(item, NAMES, Wanted(mappings=Mappings(mappings(text))))


def one(item: Span, text: str):
    (found,) = said(item, text)
    return found


def faults(text: str) -> list[str]:
    return list(check_mappings(mappings(text)))


def fits(item: Span, match: str) -> bool:
    found = one(item, f"[{{name: m, match: {match}, job: {{name: mapped}}}}]")
    return isinstance(found, RunObserved)


class TestMatching:
    @pytest.mark.parametrize(
        ("match", "expected"),
        [
            ("{scope: acme.sync}", True),
            ("{scope: acme}", False),
            ("{scope: acme.sync, span: sync}", True),
            ("{scope: acme.sync, span: /s.*/}", True),
            ("{scope: acme.sync, span: /s/}", False),
            ("{attributes: {kind: table}}", True),
            ("{attributes: {kind: /ta.le/}}", True),
            ("{attributes: {kind: ta.le}}", False),
            ("{attributes: {kind: true}}", True),
            ("{attributes: {absent: true}}", False),
            ("{attributes: {kind: true, absent: false}}", True),
            ("{attributes: {kind: true, number: false}}", False),
            ("{attributes: {number: 7}}", True),
            ("{attributes: {number: '7'}}", True),
            ("{attributes: {number: 8}}", False),
            ("{attributes: {tables: b}}", True),
            ("{attributes: {tables: '/[cd]/'}}", False),
            ("{scope: acme.sync, resource: {service.name: sync}}", True),
            ("{scope: acme.sync, resource: {service.name: other}}", False),
        ],
    )
    def test_all_conditions_hold(self, match, expected) -> None:
        item = span(
            {"kind": "table", "number": 7, "tables": ["a", "b"]}, resource=Resource({"service.name": "sync"})
        )
        assert fits(item, match) is expected

    def test_the_first_that_fits_counts(self) -> None:
        text = """
        - {name: one, match: {attributes: {kind: other}}, job: {name: one}}
        - {name: two, match: {attributes: {kind: true}}, job: {name: two}}
        - {name: three, match: {attributes: {kind: true}}, job: {name: three}}
        """
        assert one(span({"kind": "table"}), text).job.name == "two"

    def test_they_go_before_dialects_of_others_and_after_the_convention(self) -> None:
        text = "[{name: all, match: {attributes: {prefect.run.id: true}}, job: {name: mapped}}]"
        prefect = {"prefect.run.id": ID, "prefect.run.type": "task", "prefect.run.name": "load-6c9"}
        assert one(span(prefect), text).job.name == "mapped"
        assert one(span(prefect | {"openlineage.job.name": "mine"}), text).job.name == "mine"

    def test_a_copy_that_limits_have_cut_is_no_run(self) -> None:
        assert not fits(
            span({"kind": "table", "openlineage.export": "partial"}), "{attributes: {kind: true}}"
        )


class TestRuns:
    TEXT = """
    - name: sync
      match: {attributes: {acme.id: true}}
      job: {name: "{acme.name}", type: SYNC, namespace: "acme.{env | default('dev')}"}
      run: {id: "{acme.id}"}
      state: {attribute: acme.result, values: {partial: FAIL, '0': COMPLETE}}
      set: {openlineage.nominal_start: "{acme.due}"}
      sql: acme.sql
    """

    def run(self, **attributes) -> RunObserved:
        named = {key.replace("__", "."): value for key, value in attributes.items()}
        return one(span({"acme.id": ID, "acme.name": "orders"} | named, status=Status.ERROR), self.TEXT)

    def test_a_uuid_is_the_run_id(self) -> None:
        assert self.run().run_id == ID

    def test_another_text_gives_the_same_id_each_time_and_one_for_each_namespace(self) -> None:
        first, again, elsewhere = (self.run(acme__id=7, **more) for more in ({}, {}, {"env": "prod"}))
        assert first.run_id == again.run_id != elsewhere.run_id
        assert (first.job.namespace, elsewhere.job.namespace) == ("acme.dev", "acme.prod")

    def test_the_enclosing_run_is_not_its_own(self) -> None:
        text = "[{name: m, match: {attributes: {acme.name: true}}, job: {name: m}}]"
        found = one(span({"acme.name": "orders", "openlineage.run.id": ID}), text)
        assert found.run_id == run_id_of(TRACE, SPAN)

    def test_states(self) -> None:
        assert self.run(acme__result="partial").state is State.FAIL
        assert self.run(acme__result=0).state is State.COMPLETE
        assert self.run(acme__result="unknown").state is State.FAIL

    def test_what_else_is_set(self) -> None:
        found = self.run(acme__due="2026-11-23", acme__sql="select 1", db__system__name="postgresql")
        assert found.run_values["nominal_start"] == "2026-11-23"
        assert (found.job_values["sql"], found.job_values["type"]) == ("select 1", "SYNC")
        assert found.evidence.rule == "mapped.sync"
        assert "nominal_start" not in self.run().run_values
        assert self.run().omissions == ()

    def test_without_a_name_there_is_no_run_and_the_reason_is_told(self) -> None:
        seen, unusable = said(span({"acme.id": ID}), self.TEXT)
        assert isinstance(seen, SpanSeen)
        assert isinstance(unusable, Unusable)
        assert unusable.omissions[0].reason == "there is no attribute `acme.name`"


class TestDatasets:
    def outputs(self, attributes: dict, dataset: str):
        text = f"[{{name: m, match: {{scope: acme.sync}}, job: {{name: m}}, outputs: [{dataset}]}}]"
        found = one(span(attributes), text)
        return [(d.namespace, d.name) for d in found.outputs], [o.reason for o in found.omissions]

    def test_a_list_gives_several(self) -> None:
        dataset = "{namespace: 's3://{bucket}', name: 'raw/{tables | lower}'}"
        expected = [("s3://lake", "raw/a"), ("s3://lake", "raw/b")]
        assert self.outputs({"bucket": "lake", "tables": ["A", "b"]}, dataset) == (expected, [])
        assert self.outputs({"bucket": "lake", "tables": '["A", "b"]'}, dataset) == (expected, [])

    def test_a_text_may_be_split(self) -> None:
        dataset = "{namespace: file, name: '/data/{tables | split(\",\")}'}"
        assert self.outputs({"tables": "a, b,"}, dataset)[0] == [("file", "/data/a"), ("file", "/data/b")]

    def test_lists_go_together_entry_by_entry(self) -> None:
        dataset = "{namespace: '{hosts}', name: '{tables}'}"
        assert self.outputs({"hosts": ["x", "y"], "tables": ["a", "b"]}, dataset)[0] == [
            ("x", "a"),
            ("y", "b"),
        ]
        found, reasons = self.outputs({"hosts": ["x", "y"], "tables": ["a", "b", "c"]}, dataset)
        assert (found, reasons) == ([], ["lists of 2 and 3 entries don't go together"])

    def test_conditions(self) -> None:
        dataset = "{namespace: file, name: '/{table}', when: {mode: /w.*/}}"
        assert self.outputs({"table": "a", "mode": "write"}, dataset)[0] == [("file", "/a")]
        assert self.outputs({"table": "a", "mode": "read"}, dataset) == ([], [])
        assert self.outputs({"table": "a"}, dataset) == ([], [])

    def test_what_is_missing_leaves_out_one_dataset_and_says_so(self) -> None:
        assert self.outputs({}, "{namespace: file, name: '/{table}'}") == (
            [],
            ["there is no attribute `table`"],
        )

    def test_values(self) -> None:
        text = """
        - name: m
          match: {scope: acme.sync}
          job: {name: m}
          inputs: [{namespace: file, name: /a, values: {row_count: rows, version: snapshot}}]
        """
        assert one(span({"rows": "7"}), text).inputs[0].values == {"row_count": 7}


class TestIo:
    TEXT = """
    - name: copy
      match: {attributes: {source: true}}
      io: true
      inputs: [{namespace: file, name: "{source}"}]
      sql: statement
    """

    def test_it_is_what_the_run_above_read(self) -> None:
        found = one(span({"source": "/a", "openlineage.run.id": ID}), self.TEXT)
        assert isinstance(found, IoObserved)
        assert (found.enclosing_run_id, [d.name for d in found.inputs], found.at_ns) == (ID, ["/a"], 9)

    def test_its_statement_comes_with_its_connection(self) -> None:
        connection = {"db.system.name": "postgresql", "server.address": "db", "db.namespace": "shop"}
        item = span({"source": "/a", "statement": "select 1"} | connection, status=Status.ERROR)
        (statement,) = one(item, self.TEXT).statements
        assert (statement["sql"], statement["dialect"], statement["failed"]) == ("select 1", "postgres", True)
        assert statement["context"]["namespace"] == "postgres://db:5432"


class TestReceiving:
    @pytest.mark.parametrize(
        ("match", "expected"),
        [
            ("{attributes: {acme.connection: true}}", b"acme.connection"),
            ("{attributes: {id: true, acme.connection: /a/, not.there.at.all: false}}", b"acme.connection"),
            ("{attributes: {kind: acme.long.value}}", b"acme.long.value"),
            ("{scope: acme.sync.engine, attributes: {acme.id: true}}", b"acme.sync.engine"),
            ("{span: do sync, attributes: {kind: /x/}}", b"kind"),
            ("{resource: {acme.site: true}, span: /x/}", b"acme.site"),
        ],
    )
    def test_what_all_spans_of_a_mapping_have_in_their_bytes(self, match, expected) -> None:
        given = mappings(f"[{{name: m, match: {match}, job: {{name: m}}}}]")
        assert set(markers(Dialects(), given)) - set(markers()) == {expected}

    def test_without_it_no_span_would_be_received(self) -> None:
        (fault,) = faults("[{name: m, match: {span: /a.*/}, job: {name: m}}]")
        assert fault.startswith(
            "mappings[0].match: nothing in it tells these spans by their bytes. Name an attribute"
        )


class TestFaults:
    @pytest.mark.parametrize(
        ("mapping", "fault"),
        [
            (
                "job: {name: '{a | lowr}'}",
                "mappings[0].job.name: unknown filter 'lowr'. Did you mean 'lower'?",
            ),
            (
                "job: {name: '{span.nme}'}",
                "mappings[0].job.name: unknown field 'span.nme'. Did you mean 'span.name'?",
            ),
            ("job: {name: '{a'}", "mappings[0].job.name: a brace is left alone"),
            (
                "job: {name: '{a | after}'}",
                "mappings[0].job.name: the filter 'after' has 0 arguments. Write after(\"text\")",
            ),
            (
                "job: {name: '{a | split(\"\")}'}",
                "mappings[0].job.name: the filter 'split' looks for an empty text.",
            ),
            ("job: {name: m}, run: {id: ' '}", "mappings[0].run.id: is empty."),
            (
                "job: {name: m}, inputs: [{namespace: n, name: '{}'}]",
                "mappings[0].inputs[0].name: {} names no attribute.",
            ),
            (
                "job: {name: m}, inputs: [{namespace: n, name: m, values: {row_cuont: a}}]",
                "mappings[0].inputs[0].values.row_cuont: is no key of a dataset. Did you mean 'row_count'?",
            ),
            (
                "job: {name: m}, outputs: [{namespace: n, name: m, when: {a: '/(/'}}]",
                "mappings[0].outputs[0].when.a: is no regular expression",
            ),
            (
                "job: {name: m}, set: {openlineage.nominal_strat: a}",
                "mappings[0].set.openlineage.nominal_strat: can not be set. Did you mean 'openlineage.nominal_start'?",
            ),
            ("inputs: []", "mappings[0].job: required, unless io: true."),
            ("io: true, job: {name: m}, sql: a", "mappings[0].io: such a span is no run"),
            ("io: true", "mappings[0].io: nothing is read or written."),
        ],
    )
    def test_say_where_and_what_to_do(self, mapping, fault) -> None:
        found = faults(f"[{{name: m, match: {{attributes: {{a: true}}}}, {mapping}}}]")
        assert len(found) == 1, found
        assert found[0].startswith(fault)

    def test_of_names(self) -> None:
        found = faults("""
        - {name: twice, match: {attributes: {a: true}}, job: {name: m}}
        - {name: twice, match: {attributes: {a: true}}, job: {name: m}}
        - {name: a b, match: {attributes: {a: true}}, job: {name: m}}
        """)
        assert found == [
            "mappings: the name 'twice' is used 2 times; names must differ.",
            "mappings[2].name: expected letters, digits, `_`, `.` and `-` only.",
        ]

    def test_stop_the_bridge_at_its_start(self, tmp_path) -> None:
        config = tmp_path / "bridge.yaml"
        config.write_text("mappings: [{name: m, match: {atributes: {a: true}}, job: {name: '{a'}}]")
        with pytest.raises(ConfigError) as failed:
            load(config, ["data_dir=x"], environ={}, cwd=tmp_path)
        assert failed.value.problems == [
            "mappings[0].match.atributes: unknown key. Did you mean 'attributes'?"
        ]
        config.write_text("mappings: [{name: m, match: {attributes: {a: '/(/'}}, job: {name: m}}]")
        with pytest.raises(ConfigError, match=r"mappings\[0\].match.attributes.a: is no regular expression"):
            load(config, ["data_dir=x"], environ={}, cwd=tmp_path)


class TestTemplates:
    @pytest.mark.parametrize(
        ("template", "filled"),
        [
            ("{{literal}}", "{literal}"),
            ("{url | after('://') | before(\"/\")}", "host.example:80"),
            ("{url | after_last('/')}", "File.csv"),
            ("{url | before_last('/') | after_last('/')}", "in"),
            ("{url | after_last('/') | upper | replace('.CSV', '')}", "FILE"),
            ("{absent | lower | default('a|b')}", "a|b"),
            ("{url | after('?') | default('none')}", "none"),
            ("{number}-{flag}", "7-true"),
            ("{ url|lower }", "sftp://host.example:80/in/file.csv"),
        ],
    )
    def test_filters(self, template, filled) -> None:
        values = {"url": "sftp://host.example:80/in/File.csv", "number": 7, "flag": True}
        assert Template(template).fill(values.get) == filled

    @pytest.mark.parametrize("value", [{"a": 1}, b"bytes", [{"a": 1}], [], "", None])
    def test_what_is_no_text(self, value) -> None:
        with pytest.raises(LeftOut):
            Template("{a}").fill({"a": value}.get)

    @pytest.mark.parametrize(
        "source", ["{", "}", "{a}}", "{a | b c}", "{a | after('x' 'y')}", "{'a'}", "{a |}"]
    )
    def test_what_is_no_template(self, source) -> None:
        with pytest.raises(TemplateError):
            Template(source)


@pytest.mark.parametrize("value", [7, [], {"a": [1]}, " ", True, b"x", [None], "[1", 2.5])
def test_hostile_values(value) -> None:
    for key in ("acme.id", "acme.name", "acme.result", "acme.due", "acme.sql", "env"):
        item = span({"acme.id": ID, "acme.name": "orders"} | {key: value})
        said(item, TestRuns.TEXT)
        said(msgspec.structs.replace(item, attributes={"source": value, "statement": value}), TestIo.TEXT)
