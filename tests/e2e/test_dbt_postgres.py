"""Everything on PostgreSQL: as on DuckDB, and what only PostgreSQL has."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_bridge.testing import BridgeProcess
from tests.dbt.lineage import columns, datasets, ends, schema, story
from tests.dbt.measure import tables
from tests.dbt.running import WINDOW, Built, Project, require_dbt, settled
from tests.dbt.test_dbt_everything import COLUMNS, MODELS
from tests.parts.postgres import Postgres

pytest_plugins = ("tests.parts.fixtures",)
pytestmark = pytest.mark.e2e

ONLY_DUCKDB = {"order_scores"}


@pytest.fixture(scope="module")
def built(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    require_dbt()
    folder = tmp_path_factory.mktemp("postgres")
    env = {"EVERYTHING_TARGET": "postgres", "EVERYTHING_PORT": str(postgres.port)}
    project = Project.copy("everything", folder, env=env)
    with BridgeProcess(folder / "bridge") as bridge:
        outcome = project.dbt("build", *WINDOW, bridge=bridge)
        assert outcome.code == 1, outcome.output
        yield Built(project, outcome, settled(bridge), bridge)


def test_models_read_and_write_what_they_do_on_duckdb(built: Built) -> None:
    found = ends(built.events)
    for model in MODELS.keys() - ONLY_DUCKDB:
        inputs, output = MODELS[model]
        assert story(found[f"model.everything.{model}"]) == ("MODEL", "COMPLETE", inputs, {output}), model


def test_columns_are_the_same(built: Built) -> None:
    found = ends(built.events)
    for model in COLUMNS.keys() - ONLY_DUCKDB:
        assert columns(found[f"model.everything.{model}"]) == COLUMNS[model], model


def test_a_materialized_view(built: Built) -> None:
    event = ends(built.events)["model.everything.spent_view"]
    assert story(event) == ("MODEL", "COMPLETE", {"shop.customers_v2"}, {"shop.spent_view"})
    assert [*schema(event["outputs"][0])] == ["customer_id", "spent"]


def test_rows_are_counted(built: Built) -> None:
    (output,) = ends(built.events)["model.everything.customers.v2"]["outputs"]
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 3


def test_names_are_those_of_the_server(built: Built, postgres: Postgres) -> None:
    """Each dataset exists; materialized views are not in the information schema, and a skipped model made nothing."""
    known = tables(built.project) | {"postgres.shop.spent_view", "postgres.shop.order_report"}
    for namespace, name in datasets(built.events):
        if namespace == "file":
            assert Path(name).is_file()
        else:
            assert (namespace, name.lower() in known) == (f"postgres://127.0.0.1:{postgres.port}", True), name


def test_nothing_secret_is_sent(built: Built) -> None:
    assert "no-password-shown" not in str(built.events.all)
