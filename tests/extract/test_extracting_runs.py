"""What the bridge's own dialect reads from spans and log events, one example for each rule."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.extract import Wanted, extract, markers
from otel_bridge.model import (
    Dataset,
    DatasetObserved,
    ErrorDetail,
    ErrorObserved,
    Evidence,
    Heartbeat,
    JobObserved,
    JobRef,
    LogEvent,
    Omission,
    Phase,
    Resource,
    RunObserved,
    RunRef,
    Span,
    SpanEvent,
    SpanLink,
    SpanRef,
    SpanSeen,
    State,
    Status,
    Unusable,
    run_id_of,
)
from otel_bridge.namespaces import Namespaces
from otel_bridge.settings import CustomFacet, Namespace

NAMES = Namespaces(Namespace())
TRACE, SPAN, ABOVE = "a" * 32, "b" * 16, "c" * 16
OWN = "0f5c2b9e-7a63-4c0c-9e0b-0c4c2e9e6a11"
ORDERS = {"namespace": "postgres://db:5432", "name": "shop.public.orders"}
JOB = {"openlineage.job.name": "load"}
KNOWN = {"vcs.repository.url.full": "https://github.com/acme/shop.git", "code.file.path": "jobs/load.py"}
FAILED = {
    "status": Status.ERROR,
    "status_message": "gave up",
    "resource": {"telemetry.sdk.language": "nodejs"},
}
PARENT = {
    "openlineage.parent.run.id": OWN.upper(),
    "openlineage.parent.job.namespace": "airflow",
    "openlineage.parent.job.name": "dag",
}


def span(attributes=None, *, resource=None, **said) -> Span:
    place = {"trace_id": TRACE, "span_id": SPAN, "start_ns": 100, "end_ns": 200}
    return Span(**(place | said), attributes=JOB | (attributes or {}), resource=Resource(resource or {}))


def read(attributes=None, *, wanted=Wanted(), **said) -> RunObserved:  # noqa: B008
    (found,) = extract(span(attributes, **said), NAMES, wanted)
    assert isinstance(found, RunObserved)
    return found


def event(name, attributes=None, **said) -> LogEvent:
    place = {"trace_id": TRACE, "span_id": SPAN, "time_ns": 150}
    return LogEvent(name, **(place | said), attributes=attributes or {})


def omitted(run) -> dict[str, str]:
    return {o.path: o.reason for o in run.omissions}


class TestRuns:
    def test_a_job_name_is_enough(self):
        assert read(parent_span_id=ABOVE, flags=0x301) == RunObserved(
            evidence=Evidence(TRACE, SPAN, "bridge.span"),
            phase=Phase.END,
            span=SpanRef(TRACE, SPAN, ABOVE),
            run_id=run_id_of(TRACE, SPAN),
            job=JobRef("floe.dev.default", "load"),
            started_ns=100,
            ended_ns=200,
            state=State.COMPLETE,
            run_values={"trace": {"flags": 1}},
        )

    def test_without_one_the_span_only_connects(self):
        plain = Span(TRACE, SPAN, ABOVE, attributes={"openlineage.run.id": OWN.upper()})
        assert extract(plain, NAMES) == [SpanSeen(SpanRef(TRACE, SPAN, ABOVE), OWN)]
        assert extract(Span(TRACE, SPAN), NAMES) == [SpanSeen(SpanRef(TRACE, SPAN))]

    @pytest.mark.parametrize("name", ["", None])
    def test_a_job_name_that_is_none_makes_no_run(self, name):
        (found,) = extract(span({"openlineage.job.name": name}), NAMES)
        assert isinstance(found, SpanSeen)

    @pytest.mark.parametrize("name", ["  ", [], {}, b"load"])
    def test_a_job_name_that_can_t_be_read_makes_no_run_and_is_reported(self, name):
        unread = span({"openlineage.job.name": name}, resource={"service.name": "shop"}, name="step")
        seen, why = extract(unread, NAMES)
        assert isinstance(seen, SpanSeen)
        assert list(omitted(why)) == ["openlineage.job.name (span `step` of service shop)"]

    def test_a_cut_copy_of_the_span_only_connects(self):
        cut = {"openlineage.run.id": OWN, "openlineage.inputs": '[{"names', "openlineage.export": "partial"}
        assert extract(span(cut), NAMES) == [SpanSeen(SpanRef(TRACE, SPAN), OWN)]

    def test_its_own_run_id_in_canonical_form(self):
        assert read({"openlineage.run.id": f"{{{OWN.upper()}}}"}).run_id == OWN

    def test_a_run_id_that_is_no_uuid_is_left_out(self):
        found = read({"openlineage.run.id": "run-7"})
        assert found.run_id == run_id_of(TRACE, SPAN)
        assert omitted(found) == {"openlineage.run.id": "`run-7` is not a UUID"}

    def test_how_many_spans_inside_it_waits_for(self):
        assert read({"openlineage.io.spans": 3}).io_spans == 3

    @pytest.mark.parametrize("number", [-1, 10**18])
    def test_a_senseless_number_of_spans_inside_is_left_out(self, number):
        found = read({"openlineage.io.spans": number})
        assert found.io_spans == 0
        assert "expected a number from 0 to" in omitted(found)["openlineage.io.spans"]

    def test_a_clock_that_went_back_gives_no_negative_duration(self):
        assert read(start_ns=300, end_ns=200).ended_ns == 300

    def test_every_attribute_has_its_place(self):
        found = read(
            {
                "openlineage.job.type": "MODEL",
                "openlineage.job.integration": "DBT",
                "openlineage.job.processing_type": "BATCH",
                "openlineage.job.documentation": "Loads orders.",
                "openlineage.job.owners": ["team"],
                "openlineage.job.tags": {"tier": "gold"},
                "openlineage.job.facets": '{"acme": {"a": 1}}',
                "openlineage.sql": "select 1",
                "openlineage.sql.dialect": "postgres",
                "openlineage.run.tags": '["x", {"key": "y"}]',
                "openlineage.run.facets": {"acme": '{"b": 2}'},
                "openlineage.nominal_start": "2026-01-01T00:00:00Z",
                "openlineage.nominal_end": "2026-01-02T00:00:00Z",
                "openlineage.processing_engine": {"name": "duckdb", "version": "1.4"},
                "openlineage.external_query": {"id": "q1", "source": "snowflake"},
            }
        )
        assert found.omissions == ()
        assert found.job_values == {
            "type": "MODEL",
            "integration": "DBT",
            "processing_type": "BATCH",
            "documentation": "Loads orders.",
            "owners": ["team"],
            "tags": {"tier": "gold"},
            "sql": "select 1",
            "sql_dialect": "postgres",
        }
        assert found.run_values == {
            "tags": ["x", {"key": "y"}],
            "nominal_start": "2026-01-01T00:00:00Z",
            "nominal_end": "2026-01-02T00:00:00Z",
            "processing_engine": {"name": "duckdb", "version": "1.4"},
            "external_query": {"id": "q1", "source": "snowflake"},
            "trace": {"flags": 0},
        }
        assert (found.job_facets, found.run_facets) == ({"acme": {"a": 1}}, {"acme": {"b": 2}})

    def test_trace_values(self):
        found = read(resource={"service.name": "shop"}, links=(SpanLink(TRACE, ABOVE),))
        assert found.run_values["trace"] == {
            "flags": 0,
            "service_name": "shop",
            "links": [{"traceId": TRACE, "spanId": ABOVE}],
        }

    def test_custom_facets_get_the_attributes_that_they_name_and_no_others(self):
        wanted = Wanted.of(
            [
                CustomFacet(name="cost", slot="run", fields={"team": "acme.team", "cost": "acme.cost"}),
                CustomFacet(name="tier", slot="job", fields={"tier": "acme.tier"}),
                CustomFacet(name="slo", slot="output", fields={"slo": "slo"}),
            ]
        )
        found = read(
            {"acme.cost": 7, "acme.tier": 1, "other": 1, "openlineage.outputs": [ORDERS | {"slo": "1h"}]},
            resource={"acme.team": "core", "acme.cost": 0},
            wanted=wanted,
        )
        assert found.run_values["attributes"] == {"acme.cost": 7, "acme.team": "core"}
        assert found.job_values == {"attributes": {"acme.tier": 1}}
        assert found.outputs[0].values == {"slo": "1h"}
        assert found.omissions == ()


class TestParents:
    def test_complete(self):
        root = {key.replace("parent", "root"): value for key, value in PARENT.items()}
        found = read(PARENT | root)
        assert found.parent == found.root == RunRef(OWN, JobRef("airflow", "dag"))

    def test_incomplete(self):
        found = read({k: v for k, v in PARENT.items() if not k.endswith("job.name")})
        assert found.parent is None
        assert omitted(found) == {
            "openlineage.parent.run.id": "the parent needs openlineage.parent.job.name too, so it is left out"
        }

    def test_itself(self):
        found = read({**PARENT, "openlineage.run.id": OWN})
        assert found.parent is None
        assert omitted(found) == {"openlineage.parent.run.id": "a run can't be its own parent"}

    def test_wrong_id(self):
        found = read(PARENT | {"openlineage.parent.run.id": "7"})
        assert found.parent is None
        assert list(omitted(found)) == ["openlineage.parent.run.id"]


class TestStates:
    def exception(self, **said) -> SpanEvent:
        return SpanEvent("exception", 1, {f"exception.{key}": value for key, value in said.items()})

    def test_an_error_status_fails_with_its_message(self):
        found = read(**FAILED)
        assert (found.state, found.error) == (State.FAIL, ErrorDetail("gave up", "javascript"))

    def test_the_last_exception_event_explains_it(self):
        events = (
            self.exception(type="KeyError", message="a"),
            self.exception(type="ValueError", message="b", stacktrace="Traceback"),
            SpanEvent("other", 3, {"exception.type": "No"}),
        )
        found = read(events=events, status=Status.ERROR)
        assert found.error == ErrorDetail("ValueError: b", "unknown", "Traceback")

    def test_an_exception_that_is_a_stack_trace_only(self):
        found = read(
            events=(self.exception(stacktrace="Traceback\n  at x\nValueError: b\n"),), status=Status.ERROR
        )
        assert found.error.message == "ValueError: b"

    def test_a_failure_without_words_gets_some(self):
        assert read(status=Status.ERROR).error.message

    def test_exceptions_of_a_run_that_went_well_are_not_told(self):
        assert read(events=(self.exception(type="KeyError"),)).error is None

    def test_complete_overrides_and_drops_the_error(self):
        found = read({"openlineage.run.state": "COMPLETE"}, **FAILED)
        assert (found.state, found.error) == (State.COMPLETE, None)

    def test_fail_overrides_and_has_a_message(self):
        found = read({"openlineage.run.state": "fail"}, status=Status.OK)
        assert found.state is State.FAIL
        assert found.error.message

    @pytest.mark.parametrize("state", ["ABORT", "SKIP"])
    def test_other_ends(self, state):
        found = read({"openlineage.run.state": state})
        assert (found.state, found.error) == (State(state), None)

    def test_an_unknown_word_is_left_out(self):
        found = read({"openlineage.run.state": "BROKEN"})
        assert found.state is State.COMPLETE
        assert "COMPLETE, FAIL, ABORT, SKIP" in omitted(found)["openlineage.run.state"]


class TestDatasets:
    @pytest.mark.parametrize(
        "spelling",
        [
            [ORDERS],
            ORDERS,
            json.dumps([ORDERS]),
            json.dumps(ORDERS),
            [json.dumps(ORDERS)],
            ["postgres://db:5432|shop.public.orders"],
            "postgres://db:5432|shop.public.orders",
            '["postgres://db:5432|shop.public.orders"]',
        ],
    )
    def test_spellings(self, spelling):
        found = read({"openlineage.inputs": spelling})
        assert found.inputs == (Dataset(**ORDERS),)
        assert found.omissions == ()

    def test_values_and_facets(self):
        entry = ORDERS | {
            "schema": '[{"name": "id"}]',
            "row_count": "12",
            "bytes": 3.0,
            "version": 7,
            "tags": {"pii": "yes"},
            "owners": "team",
            "facets": '{"a": {"x": 1}}',
            "inputFacets": {"b": '{"y": 2}'},
            "outputFacets": {"c": {}},
        }
        found = read({"openlineage.inputs": [entry]})
        assert found.omissions == ()
        assert found.inputs == (
            Dataset(
                **ORDERS,
                values={
                    "schema": [{"name": "id"}],
                    "row_count": 12,
                    "bytes": 3,
                    "version": "7",
                    "tags": {"pii": "yes"},
                    "owners": ["team"],
                },
                facets={"a": {"x": 1}},
                input_facets={"b": {"y": 2}},
                output_facets={"c": {}},
            ),
        )

    def test_one_wrong_value_is_left_out_alone(self):
        entry = ORDERS | {"row_count": "many", "bytes": 5, "facets": {"good": {}, "bad": 1}}
        found = read({"openlineage.inputs": [ORDERS, entry]})
        assert found.inputs == (Dataset(**ORDERS, values={"bytes": 5}, facets={"good": {}}),)
        assert found.omissions == (
            Omission("openlineage.inputs[1].row_count", "expected a number, got the text `many`"),
            Omission("openlineage.inputs[1].facets.bad", "expected a map, got a number"),
        )

    def test_one_wrong_dataset_is_left_out_alone(self):
        entries = [{"namespace": "n"}, 7, "no-bar", ORDERS]
        found = read({"openlineage.outputs": entries})
        assert found.outputs == (Dataset(**ORDERS),)
        assert omitted(found) == {
            "openlineage.outputs[0].name": "the dataset has no name, so all of it is left out",
            "openlineage.outputs[1]": (
                "expected a map or `namespace|name`, got a number; the dataset is left out"
            ),
            "openlineage.outputs[2]": (
                "expected a map or `namespace|name`, got the text `no-bar`; the dataset is left out"
            ),
        }

    def test_a_slip_of_the_pen_is_pointed_out(self):
        found = read({"openlineage.inputs": [ORDERS | {"rowcount": 1}]})
        assert "did you mean `row_count`?" in omitted(found)["openlineage.inputs[0].rowcount"]

    def test_the_same_dataset_twice_is_one(self):
        found = read({"openlineage.inputs": [ORDERS | {"row_count": 1}, ORDERS | {"bytes": 2}]})
        assert found.inputs == (Dataset(**ORDERS, values={"row_count": 1, "bytes": 2}),)

    @pytest.mark.parametrize(
        "text", ["[{", "[" * 500 + "]" * 500, "[" * 100_000, '{"a": 99999999999999999999}', "[1]", "7"]
    )
    def test_what_is_no_list_of_datasets(self, text):
        found = read({"openlineage.inputs": text})
        assert found.inputs == ()
        assert len(found.omissions) == 1


class TestSourceCode:
    def test_repository_and_file(self):
        found = read(KNOWN | {"vcs.ref.head.name": "main", "vcs.ref.head.revision": "abc"})
        assert found.job_values["source_code"] == {
            "type": "git",
            "url": "https://github.com/acme/shop.git",
            "repoUrl": "https://github.com/acme/shop.git",
            "path": "jobs/load.py",
            "version": "abc",
            "branch": "main",
        }

    def test_a_page_where_the_provider_is_known(self):
        found = read(KNOWN | {"vcs.ref.head.revision": "abc", "vcs.provider.name": "github"})
        assert found.job_values["source_code"]["url"] == "https://github.com/acme/shop/blob/abc/jobs/load.py"

    @pytest.mark.parametrize(
        "change",
        [
            {"code.file.path": "/app/jobs/load.py"},
            {"code.file.path": "C:\\load.py"},
            {"code.file.path": ""},
            {"vcs.repository.url.full": "shop"},
        ],
    )
    def test_what_can_t_be_found_again_is_absent(self, change):
        assert "source_code" not in read(KNOWN | change).job_values

    def test_the_attribute_wins(self):
        own = {"type": "svn", "url": "https://svn.example/x"}
        found = read(KNOWN | {"openlineage.job.source_code": own})
        assert found.job_values["source_code"] == own


class TestLogEvents:
    def test_start(self):
        attributes = JOB | {
            "openlineage.parent.span.id": ABOVE,
            "openlineage.heartbeat.interval": "30",
            "openlineage.inputs": [ORDERS],
        }
        (found,) = extract(event("openlineage.run.start", attributes), NAMES)
        assert (found.phase, found.started_ns, found.heartbeat_s) == (Phase.START, 150, 30)
        assert (found.span, found.state) == (SpanRef(TRACE, SPAN, ABOVE), None)
        assert (found.evidence.rule, found.inputs) == ("bridge.start", (Dataset(**ORDERS),))

    def test_heartbeat(self):
        (found,) = extract(event("openlineage.run.heartbeat", {"openlineage.heartbeat.interval": 5}), NAMES)
        evidence = Evidence(TRACE, SPAN, "bridge.heartbeat")
        assert found == Heartbeat(evidence, SpanRef(TRACE, SPAN), run_id_of(TRACE, SPAN), 150, 5.0)

    @pytest.mark.parametrize("seconds", [None, 0, -1, "soon", float("nan"), float("inf"), 10**12])
    def test_a_heartbeat_without_promise_says_nothing(self, seconds):
        beat = event("openlineage.run.heartbeat", {"openlineage.heartbeat.interval": seconds})
        (why,) = extract(beat, NAMES)
        assert isinstance(why, Unusable)

    def test_exception(self):
        attributes = {"exception.type": "KeyError", "exception.message": "'x'"}
        (found,) = extract(event("exception", attributes), NAMES)
        assert isinstance(found, ErrorObserved)
        assert found.error == ErrorDetail("KeyError: 'x'", "unknown")

    @pytest.mark.parametrize("where", ["attributes", "body"])
    def test_dataset(self, where):
        attributes = {"openlineage.dataset": ORDERS} if where == "attributes" else {}
        told = event("openlineage.dataset", attributes, body=ORDERS if where == "body" else None, span_id="")
        (found,) = extract(told, NAMES)
        assert isinstance(found, DatasetObserved)
        assert (found.dataset, found.at_ns) == (Dataset(**ORDERS), 150)

    def test_job(self):
        (found,) = extract(event("openlineage.job", JOB | {"openlineage.outputs": [ORDERS]}), NAMES)
        assert isinstance(found, JobObserved)
        assert (found.job, found.outputs) == (JobRef("floe.dev.default", "load"), (Dataset(**ORDERS),))

    @pytest.mark.parametrize(
        "told",
        [
            event("openlineage.run.start", JOB, span_id=""),
            event("openlineage.run.start"),
            event("openlineage.job"),
            event("openlineage.job", {"openlineage.job.name": ["load"]}),
            event("openlineage.dataset"),
            event("openlineage.dataset", {"openlineage.dataset": "nothing"}),
            event("openlineage.dataset", {"openlineage.dataset": {"name": "orders"}}),
        ],
    )
    def test_what_can_t_be_used_is_reported(self, told):
        (why,) = extract(told, NAMES)
        assert isinstance(why, Unusable)
        assert why.evidence == Evidence(TRACE, told.span_id, "bridge.unusable")
        assert all(o.reason and f"(log event `{told.name}`" in o.path for o in why.omissions)
        assert why.omissions

    @pytest.mark.parametrize("told", [event("exception"), event("something.else", JOB)])
    def test_what_is_not_about_lineage(self, told):
        assert extract(told, NAMES) == []


def test_markers():
    assert set(markers()) == {
        b"openlineage.",
        b"dbt.runner",
        b"dbt_core_event_code",
        b"eval_args",
        b"dagster_otel",
        b"airflow.dag_id",
        b"prefect.run.id",
    }


scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.binary()
json_texts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
).map(json.dumps)
anything = st.recursive(
    scalars | json_texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["namespace", "name", "schema", "row_count", "facets", "inputFacets", "tags", "x"]
            ),
            inner,
            max_size=5,
        )
    ),
)
names = st.sampled_from(
    [
        *(
            f"openlineage.{n}"
            for n in ("inputs", "outputs", "run.id", "run.state", "run.facets", "job.facets")
        ),
        *(f"openlineage.{n}" for n in ("job.tags", "job.owners", "job.name", "job.namespace", "dataset")),
        *(f"openlineage.{n}" for n in ("parent.run.id", "parent.job.name", "heartbeat.interval", "sql")),
        *("exception.type", "exception.stacktrace", "code.file.path", "vcs.repository.url.full"),
        *("service.name", "telemetry.sdk.language", "deployment.environment"),
    ]
)


@given(st.dictionaries(names, anything, max_size=6), st.sampled_from(Status))
@settings(max_examples=400, deadline=None)
def test_no_value_raises_and_all_that_is_said_can_be_stored(attributes, status):
    events = (SpanEvent("exception", 1, attributes),)
    found = extract(span(attributes, resource=attributes, status=status, events=events), NAMES)
    for name in (
        "openlineage.run.start",
        "openlineage.run.heartbeat",
        "openlineage.dataset",
        "openlineage.job",
    ):
        found += extract(event(name, attributes), NAMES)
    found += extract(event("exception", attributes), NAMES)
    msgspec.msgpack.encode(found)
