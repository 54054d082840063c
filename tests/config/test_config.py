"""Configuration: file, environment, flags; every problem at once; secrets stay secret."""

import contextlib
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_bridge.config import default_data_dir, example, json_schema, load
from otel_bridge.model import ConfigError
from otel_bridge.settings import Duration, Secret, Size

ISSUE = """
data_dir: ./data
receive: {grpc: {endpoint: 127.0.0.1:4317}, http: {endpoint: 127.0.0.1:4318}}
api: {endpoint: 127.0.0.1:4319}
namespace: {template: "floe.{environment}.{domain}", defaults: {environment: dev}}
runs: {parent_wait: 10s, lost_after: 3}
destinations:
  - {name: marquez, type: http, url: "http://127.0.0.1:5000", endpoint: api/v1/lineage}
  - {name: archive, type: file, path: events.ndjson}
"""


def from_text(
    tmp_path: Path, text: str, flags: tuple[str, ...] = (), environ: dict[str, str] | None = None
) -> Any:
    file = tmp_path / "bridge.yaml"
    file.write_text(text)
    return load(file, flags, environ or {}, tmp_path)


def problems(
    tmp_path: Path, text: str, flags: tuple[str, ...] = (), environ: dict[str, str] | None = None
) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        from_text(tmp_path, text, flags, environ)
    return caught.value.problems


def test_the_documented_keys(tmp_path: Path) -> None:
    settings = from_text(tmp_path, ISSUE)
    assert settings.data_dir == "./data"
    assert str(settings.receive.http.endpoint) == "127.0.0.1:4318"
    assert settings.runs.parent_wait == 10
    assert [(d.name, d.type) for d in settings.destinations] == [("marquez", "http"), ("archive", "file")]


def test_no_file_is_needed(tmp_path: Path) -> None:
    settings = load(environ={"XDG_STATE_HOME": "/state"}, cwd=tmp_path)
    assert settings.data_dir == "/state/otel-bridge" == default_data_dir({"XDG_STATE_HOME": "/state"})
    assert settings.destinations == ()


def test_environment_wins_over_the_file_and_flags_over_both(tmp_path: Path) -> None:
    environ = {
        "OTEL_BRIDGE_RUNS__PARENT_WAIT": "5s",
        "OTEL_BRIDGE_RUNS__LOST_AFTER": "7",
        "OTEL_BRIDGE_LOG__FORMAT": "json",
    }
    settings = from_text(tmp_path, ISSUE, ("runs.lost_after=9",), environ)
    assert (settings.runs.parent_wait, settings.runs.lost_after, settings.log.format) == (5, 9, "json")


def test_variables_of_instrumented_programs_are_no_settings(tmp_path: Path) -> None:
    names = ("DAGSTER_CODE_LOCATION", "DBT_COLUMNS", "ICEBERG_DISABLED", "DISABLED")
    environ = {f"OTEL_BRIDGE_{name}": "shop" for name in names}
    environ["OTEL_BRIDGE_DBT__ARTIFACTS_WAIT"] = "5s"
    assert load(environ=environ, cwd=tmp_path).dbt.artifacts_wait == 5


def test_destinations_from_the_environment(tmp_path: Path) -> None:
    environ = {"OTEL_BRIDGE_DESTINATIONS": "[{name: out, type: console}]"}
    assert [d.name for d in from_text(tmp_path, ISSUE, (), environ).destinations] == ["out"]


def test_the_file_can_be_named_by_the_environment(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("runs: {lost_after: 4}")
    assert load(environ={"OTEL_BRIDGE_CONFIG": str(tmp_path / "b.yaml")}, cwd=tmp_path).runs.lost_after == 4


def test_all_problems_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """
        data_dri: x
        receive: {grpc: {endpont: 1}, http: {endpoint: nonsense}, max_request: lots}
        runs: {parent_wait: -3s, lost_state: MAYBE}
        destinations: [{name: a, type: htp}, {name: b, type: http}, {name: b, type: http, url: "ftp://x"}, 7, {type: console, name: "a b"}]
        """,
    )
    assert "data_dri: unknown key. Did you mean 'data_dir'?" in found
    assert "receive.grpc.endpont: unknown key. Did you mean 'endpoint'?" in found
    assert "destinations[0].type: unknown type. Did you mean 'http'?" in found
    assert "destinations[1].url: required, but not given." in found
    starts = [line.split(": ")[0] for line in found]
    for path in (
        "receive.http.endpoint",
        "receive.max_request",
        "runs.parent_wait",
        "runs.lost_state",
        "destinations[2]",
    ):
        assert path in starts
    assert {"destinations[3]", "destinations[4].name"} <= set(starts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1]", "expected a mapping at the top"),
        ("a: b: c", "not YAML"),
        ("destinations: 7", "expected a list"),
        ("destinations: [{type: console}, {type: console}]", "used twice"),
        ('namespace: {template: "a.{b}"}', "namespace: "),
        ('namespace: {pattern: "("}', "namespace: "),
        ("receive: {http: {tls: {cert: none.pem, key: none.key}}}", "no such file: none.pem"),
        ("facets: [{name: 'a b', slot: run, fields: {x: y}}]", "facets: "),
        ("receive: {kafka: [{brokers: ['a:1'], topics: []}]}", "receive.kafka[0]: topics: is empty"),
        ("receive: {kafka: [{brokers: ['a b:1'], topics: [t]}]}", "brokers must be a list of host:port"),
        ("receive: {kafka: [{brokers: ['a:1'], topics: ['x y']}]}", "topic 'x y': a name has up to 249"),
        (
            "receive: {kafka: [{brokers: ['a:1'], topics: [t]}, {brokers: ['a:1'], topics: [u]}]}",
            "receive.kafka: the name 'kafka' is used 2 times",
        ),
        (
            "receive: {kafka: [{brokers: ['a:1'], topics: [t]}, {name: b, brokers: ['a:1'], topics: [t, u]}]}",
            "group 'otel-bridge' reads topic 't' 2 times",
        ),
        (
            "receive: {kafka: [{brokers: ['a:1'], topics: [t], dead_letter_topic: t}]}",
            "receive.kafka[0]: dead_letter_topic: is one of topics",
        ),
        (
            "receive: {kafka: [{brokers: ['a:1'], topics: [t], config: {enable.auto.commit: 'true'}}]}",
            "receive.kafka[0]: config: enable.auto.commit is set by the bridge",
        ),
        (
            "receive: {kafka: [{brokers: ['a:1'], topics: [t], config: {nonsense: '1'}}]}",
            'librdkafka: No such configuration property: "nonsense"',
        ),
        ("producer: not a uri", "producer"),
        ('trace: {url: "http://x/{nothing}"}', "trace.url"),
        ('trace: {url: "nowhere"}', "trace.url"),
        ("runs: {lost_after: 0}", "runs.lost_after"),
        ("runs: {parent_wait: 99999999999d}", "at most 36500d"),
        ("runs: {parent_wait: .inf}", "runs.parent_wait"),
        ("a: 2001-99-99", "not YAML"),
        ("[" * 5000, "not YAML"),
        ("receive: {1: 2}", "receive[1]: a key must be a text"),
        ("destinations: [{1: 2}]", "destinations[0][1]: a key must be a text"),
        ("receive: {http: {bearer_tokens: hush}}", "receive.http.bearer_tokens: expected a list"),
        ("receive: {http: {bearer_tokens: [' ']}}", "would let everybody in"),
        ("receive: {max_request: 0}", "receive.max_request: must be more than 0"),
        ("receive: {max_connections: -1}", "receive.max_connections: must be more than 0"),
        ("journal: {max_spans: 0}", "journal.max_spans: must be more than 0"),
        ("receive: {grpc: {enabled: false}, http: {enabled: false}}", "both doors are off"),
        ("receive: {http: {endpoint: 127.0.0.1:4317}}", "receive.grpc has 127.0.0.1:4317 too"),
        ("api: {endpoint: 127.0.0.1:4318}", "receive.http"),
        ("api: {public_url: nowhere}", "api.public_url"),
        ("data_dir: ''", "data_dir: is empty"),
    ],
)
def test_problems_that_are_explained(tmp_path: Path, text: str, expected: str) -> None:
    assert any(expected in line for line in problems(tmp_path, text))


def test_a_file_that_is_no_text_is_explained(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not YAML"):
        load(tmp_path / "b.yaml", environ={}, cwd=tmp_path)


def test_a_section_without_keys_is_as_good_as_none(tmp_path: Path) -> None:
    assert from_text(tmp_path, "runs:\ndestinations:\n").runs.lost_after == 3


def test_port_0_may_be_asked_for_twice(tmp_path: Path) -> None:
    free = "127.0.0.1:0"
    text = f"receive: {{grpc: {{endpoint: {free}}}, http: {{endpoint: {free}}}}}\napi: {{endpoint: {free}}}"
    assert str(from_text(tmp_path, text).api.endpoint) == free


def test_unknown_variables_are_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, "", environ={"OTEL_BRIDGE_RECIEVE__STRICT": "true"}) == [
        "recieve: unknown key. Did you mean 'receive'?"
    ]


def test_bad_flags(tmp_path: Path) -> None:
    assert "expected PATH=VALUE" in problems(tmp_path, "", ("runs",))[0]
    assert "keep one of them" in problems(tmp_path, "", ("runs=1", "runs.lost_after=2"))[0]


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "none.yaml", environ={}, cwd=tmp_path)


def test_secrets_are_not_repeated(tmp_path: Path) -> None:
    text = """
    receive: {http: {bearer_tokens: [hush-1, {a: hush-2}]}}
    destinations: [{type: http, url: "http://127.0.0.1", bearer_token: [hush-3], headers: {"X Y": hush-4}}]
    """
    assert "hush" not in "\n".join(problems(tmp_path, text))
    settings = from_text(tmp_path, "receive: {http: {bearer_tokens: [hush]}}")
    assert "hush" not in repr(settings)
    assert settings.receive.http.bearer_tokens[0].reveal() == "hush"


def test_a_secret_survives_the_way_to_a_child() -> None:
    assert pickle.loads(pickle.dumps(Secret("hush"))).reveal() == "hush"


def test_openlineage_variables_are_the_destination_if_none_is_configured(tmp_path: Path) -> None:
    environ = {"OPENLINEAGE_URL": "http://127.0.0.1:5000", "OPENLINEAGE_API_KEY": "hush"}
    (destination,) = load(environ=environ, cwd=tmp_path).destinations
    assert (destination.type, destination.options.transport["url"]) == (
        "openlineage",
        "http://127.0.0.1:5000",
    )
    assert "hush" not in repr(destination)
    assert [d.name for d in from_text(tmp_path, ISSUE, (), environ).destinations] == ["marquez", "archive"]


def test_an_empty_list_of_destinations_is_a_choice(tmp_path: Path) -> None:
    assert (
        from_text(tmp_path, "destinations: []", (), {"OPENLINEAGE_URL": "http://127.0.0.1:5000"}).destinations
        == ()
    )


def test_the_example_is_good_and_has_every_default(tmp_path: Path) -> None:
    settings = from_text(tmp_path, example())
    defaults = from_text(tmp_path, "data_dir: ./data\ndestinations: []")
    for name in ("receive", "api", "journal", "namespace", "runs", "facets", "trace", "log", "producer"):
        assert getattr(settings, name) == getattr(defaults, name)


def test_the_schema_accepts_the_example_and_refuses_a_typo() -> None:
    import jsonschema_rs
    import yaml

    validator = jsonschema_rs.validator_for(json_schema())
    tree = yaml.safe_load(example())
    assert validator.is_valid(tree), list(validator.iter_errors(tree))
    assert not validator.is_valid(tree | {"reciev": 1})


def properties(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of a schema, wherever it is defined."""
    if isinstance(node, dict):
        for name, inner in (node.get("properties") or {}).items():
            yield f"{path}/{name}", inner
        for key, inner in node.items():
            yield from properties(inner, f"{path}/{key}")
    elif isinstance(node, list):
        for number, inner in enumerate(node):
            yield from properties(inner, f"{path}/{number}")


def test_every_setting_is_explained() -> None:
    schema = json_schema()
    found = dict(properties(schema))
    assert len(found) > 80

    def explained(node: dict[str, Any]) -> bool:
        target = schema["$defs"].get(node.get("$ref", "").rpartition("/")[2], {})
        return bool(node.get("description") or target.get("description"))

    assert [path for path, node in found.items() if not explained(node)] == []


def test_every_default_in_the_schema_is_valid() -> None:
    import jsonschema_rs

    schema = json_schema()
    for path, node in properties(schema):
        if "default" in node:
            checked = node | {"$defs": schema["$defs"]}
            assert jsonschema_rs.validator_for(checked).is_valid(node["default"]), path


@pytest.mark.parametrize(
    ("text", "value"),
    [("250ms", 0.25), ("10s", 10), ("5m", 300), ("12h", 43200), ("7d", 604800), ("1.5", 1.5)],
)
def test_durations(text: str, value: float) -> None:
    assert Duration.parse(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [("64MiB", 64 << 20), ("2GB", 2_000_000_000), ("17", 17), ("1 KiB", 1024)]
)
def test_sizes(text: str, value: int) -> None:
    assert Size.parse(text) == value


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["receive", "grpc", "endpoint", "runs", "name", "type", "http", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # other tests share the cores
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "receive",
                "api",
                "journal",
                "namespace",
                "runs",
                "facets",
                "trace",
                "log",
                "destinations",
                "zzz",
            ]
        ),
        json_like,
    )
)
def test_nothing_but_config_error_comes_out(tree: dict[str, Any]) -> None:
    from otel_bridge.config.load import _settings

    with contextlib.suppress(ConfigError):
        _settings(tree, {}, Path("/nowhere"))
