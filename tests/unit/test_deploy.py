"""The compose file, the image recipes and the Collector configurations say the same."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CONFIG = ROOT / "collector-config"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
BUILDER: dict[str, Any] = yaml.safe_load((CONFIG / "builder.yaml").read_text())
LAYERS = sorted(path for path in CONFIG.glob("*.yaml") if path.name != "builder.yaml")
VARIABLE = re.compile(r"\$\{env:(\w+):-(.*?)\}")
MARKED = re.compile(r"# generated: (?P<name>.*)\n(?P<items>(?: +- .*\n)+) +# end generated\n")


def environment(service: str) -> dict[str, str]:
    """What the compose file gives a service."""
    return {name: str(value) for name, value in SERVICES[service]["environment"].items()}


def image_environment() -> dict[str, str]:
    """What the bridge's image sets."""
    recipe = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    assignments = " ".join(re.findall(r"^ENV (.*)$", recipe, re.MULTILINE)).split()
    return dict(assignment.split("=", 1) for assignment in assignments)


def variables(path: Path) -> dict[str, str]:
    """Variables of a configuration and their defaults."""
    return dict(VARIABLE.findall(path.read_text()))


def test_the_compose_file_matches_the_compose_specification() -> None:
    argv = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*argv, str(DEPLOY / "compose.yaml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ports_are_published_on_loopback_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(str(port).startswith("127.0.0.1:") for port in published)
    assert len({port.split(":")[1] for port in published}) == len(published)


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_a_health_check_and_comes_back(service: str) -> None:
    assert SERVICES[service]["healthcheck"]["test"]
    assert SERVICES[service]["restart"] == "unless-stopped"


@pytest.mark.parametrize("service", SERVICES)
def test_no_image_is_left_to_float(service: str) -> None:
    image = SERVICES[service]["image"]
    assert "build" in SERVICES[service] or re.search(r":\d[\d.]*$", image)


def test_named_volumes_are_declared_and_used() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    named = {mount.split(":")[0] for mount in mounts if not mount.startswith((".", "/"))}
    assert named == set(COMPOSE["volumes"])


def test_dependencies_exist() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_the_collector_is_given_only_variables_that_its_configuration_reads() -> None:
    assert set(environment("collector")) <= set(variables(CONFIG / "gateway.yaml"))


def test_the_collector_sends_to_services_of_the_compose_file() -> None:
    given = environment("collector")
    bridge = urlsplit(given["OTELCOL_BRIDGE_ENDPOINT"])
    assert bridge.hostname in SERVICES
    assert image_environment()["OTEL_BRIDGE_RECEIVE__HTTP__ENDPOINT"] == f"0.0.0.0:{bridge.port}"
    assert given["OTELCOL_TRACING_ENDPOINT"].split(":")[0] in SERVICES


def test_the_collectors_published_ports_are_those_it_listens_on() -> None:
    given = environment("collector")
    listens = {given[name].split(":")[1] for name in ("OTELCOL_GRPC_ENDPOINT", "OTELCOL_HTTP_ENDPOINT")}
    assert {port.split(":")[2] for port in SERVICES["collector"]["ports"]} == listens
    assert given["OTELCOL_HEALTH_ENDPOINT"] in " ".join(SERVICES["collector"]["healthcheck"]["test"])


def test_the_collectors_queue_lies_on_a_volume() -> None:
    mounts = [mount.split(":")[1] for mount in SERVICES["collector"]["volumes"]]
    assert environment("collector")["OTELCOL_STORAGE_DIRECTORY"] in mounts


def test_the_bridge_accepts_its_environment() -> None:
    from otel_bridge.config import load

    settings = load(environ=image_environment() | environment("bridge"))
    mounts = [mount.split(":")[1] for mount in SERVICES["bridge"]["volumes"]]
    assert settings.data_dir in mounts
    assert [port.split(":")[2] for port in SERVICES["bridge"]["ports"]] == [str(settings.api.endpoint.port)]
    destinations = {item.name: item.options for item in settings.destinations}
    marquez = urlsplit(destinations["marquez"].url)
    assert marquez.hostname == "marquez"
    assert str(marquez.port) == environment("marquez")["MARQUEZ_PORT"]
    assert f"127.0.0.1:{urlsplit(settings.trace.url or '').port}:16686" in SERVICES["jaeger"]["ports"]


def test_images_do_not_run_as_root() -> None:
    for recipe in ("Dockerfile", "collector.Dockerfile"):
        last_stage = (DEPLOY / recipe).read_text().rpartition("\nFROM ")[2]
        user = re.search(r"^USER (\S+)$", last_stage, re.MULTILINE)
        assert user
        assert user.group(1) not in {"root", "0"}


def test_one_release_of_the_collector_everywhere() -> None:
    version = BUILDER["dist"]["version"]
    recipe = (DEPLOY / "collector.Dockerfile").read_text()
    assert f"cmd/builder@v{version}" in recipe
    assert f":{version}}}" in SERVICES["collector"]["image"]
    lists = (value for key, value in BUILDER.items() if key not in {"dist", "providers"})
    assert {item["gomod"].split(" v")[1] for modules in lists for item in modules} == {version}


@pytest.mark.parametrize("path", LAYERS, ids=lambda path: path.name)
def test_configurations_stay_on_loopback_unless_told(path: Path) -> None:
    for name, default in variables(path).items():
        if name.endswith(("ENDPOINT", "HOST", "HOSTNAME", "BROKERS")):
            assert "127.0.0.1" in default, name


def test_agent_gateway_and_bridge_can_share_a_machine() -> None:
    files = (CONFIG / "agent.yaml", CONFIG / "gateway.yaml")
    listening = ("GRPC_ENDPOINT", "HTTP_ENDPOINT", "HEALTH_ENDPOINT", "METRICS_PORT")
    ports = [variables(path)[f"OTELCOL_{name}"].rpartition(":")[2] for path in files for name in listening]
    ports += ["4317", "4318", "4319"]
    assert len(set(ports)) == len(ports)


def test_the_agent_sends_to_where_the_gateway_listens() -> None:
    target = variables(CONFIG / "agent.yaml")["OTELCOL_GATEWAY_ENDPOINT"]
    assert target == variables(CONFIG / "gateway.yaml")["OTELCOL_GRPC_ENDPOINT"]


@pytest.mark.parametrize("path", LAYERS, ids=lambda path: path.name)
def test_lineage_waits_on_disk_and_is_never_given_up(path: Path) -> None:
    exporters = yaml.safe_load(path.read_text()).get("exporters", {})
    for name, exporter in exporters.items():
        if "sending_queue" in exporter and name != "otlp_grpc/tracing":
            assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s", name
            assert exporter["sending_queue"]["storage"].startswith("file_storage/"), name
            assert exporter.get("compression", "gzip") in {"gzip", "none"}, name


def test_the_conditions_stand_between_markers() -> None:
    marked = {found["name"] for found in MARKED.finditer((CONFIG / "gateway.yaml").read_text())}
    assert marked == {"lineage filter", "lineage log filter", "tracing filter", "lineage sampling"}


def test_every_file_and_variable_of_the_collector_is_explained() -> None:
    readme = (CONFIG / "README.md").read_text()
    names = {name for path in LAYERS for name in variables(path)}
    assert {name for name in names if f"`{name}`" not in readme} == set()
    assert {path.name for path in CONFIG.glob("*.yaml") if f"`{path.name}`" not in readme} == set()
    assert set(re.findall(r"`(OTEL\w+)`", readme)) == names


def test_the_documentation_names_tests_that_exist() -> None:
    tests = (ROOT / "tests/e2e/test_collector_config.py").read_text()
    named = re.findall(r"`(test_\w+)`", (ROOT / "docs/collector.md").read_text())
    assert named
    assert [name for name in named if f"def {name}(" not in tests] == []
