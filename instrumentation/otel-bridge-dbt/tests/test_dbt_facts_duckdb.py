"""What is told where DuckDB reads and writes files, has further databases, and a project says things its own way."""

import pytest
from facts_told import Told, facts_of, names, shape
from tests.dbt.running import Project, require_dbt

FILES = {
    "dbt_project.yml": """
name: files
profile: files
version: "1.0"
flags: {send_anonymous_usage_stats: false}
models: {files: {+tags: alone}}
on-run-start: "create table if not exists main.theirs_v1 as select 1 as their_id"
""",
    "plugins/dbt_of_another_project.py": """
from dbt.plugins.manager import dbt_hook, dbtPlugin
from dbt.plugins.manifest import ModelNodeArgs, PluginNodes

class Another(dbtPlugin):
    def initialize(self):
        pass

    @dbt_hook
    def get_nodes(self):
        nodes = PluginNodes()
        nodes.add_model(ModelNodeArgs(name="theirs", package_name="another", identifier="theirs_v1", schema="main", database="files"))
        return nodes

plugins = [Another]
""",
    "models/meshed.sql": "select * from {{ ref('another', 'theirs') }}",
    "profiles.yml": """
files:
  target: here
  outputs:
    here:
      type: duckdb
      path: data/files.duckdb
      external_root: lake
      threads: 2
      attach: [{path: data/other.duckdb, alias: other}]
""",
    "models/sources.yml": """
version: 2
sources:
  - name: lake
    meta: {external_location: "read_csv('lake/{name}.csv', header = true)"}
    tables:
      - name: prices
        columns: [{name: price, data_type: decimal, description: What it costs., tags: [money]}]
  - name: gone
    schema: nowhere
    tables: [{name: nothing}]
models:
  - name: items
    config: {meta: {catalog: no-such-catalog}}
  - name: doc
    docs: {show: false}
    columns: [{name: Key, quote: true, description: As it is written.}]
groups:
  - name: lone
    owner: {email: lone@shop.example}
""",
    "models/items.sql": "{{ config(database='other', group='lone') }}\nselect item, price from {{ source('lake', 'prices') }}",
    "models/exported.sql": "{{ config(materialized='external', format='csv') }}\nselect * from {{ ref('items') }}",
    "models/placed.sql": """{{ config(materialized='external', location='lake/placed.parquet') }}
select * from {{ ref('exported') }}""",
    "models/doc.sql": """{{ config(materialized='table') }}\nselect item as "Key" from {{ ref('items') }}""",
    "models/one.sql": "{{ config(materialized='ephemeral') }}\nselect * from {{ ref('doc') }}",
    "models/two.sql": "{{ config(materialized='ephemeral') }}\nselect * from {{ ref('one') }}",
    "models/three.sql": "select * from {{ ref('two') }}",
    "seeds/ends.csv": '\ufeffkey;"long\nname";note\n1;a;b\n',
    "seeds/seeds.yml": "version: 2\nseeds: [{name: ends, config: {delimiter: ';'}}]",
    "snapshots/past.yml": """
snapshots:
  - name: past
    relation: ref('items')
    config:
      unique_key: item
      strategy: check
      check_cols: all
      snapshot_meta_column_names: {dbt_valid_from: since, dbt_valid_to: until}
""",
    "lake/prices.csv": "item,price\npear,1.5\nplum,2.5\n",
}

COMMANDS = {
    "build": ("build",),
    "with": ("--log-path", "with", "run", "--select", "items"),
    "restore": ("python", "GraphRunnableTask.call_runner, BaseRunner.run = call_runner, run"),
    "without": ("--log-path", "without", "run", "--select", "items"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    require_dbt()
    folder = tmp_path_factory.mktemp("files")
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (folder / "data").mkdir()
    return Project(folder, env={"PYTHONPATH": str(folder / "plugins")})


@pytest.fixture(scope="module")
def told(project: Project) -> Told:
    return facts_of(project, COMMANDS)["build"]


def test_files_and_attached_databases_are_absolute(told: Told, project: Project):
    connection = told.of("invocation")["dbt.connection"]
    assert connection["path"] == str(project.folder / "data/files.duckdb")
    assert connection["attached"] == [{"alias": "other", "path": str(project.folder / "data/other.duckdb")}]


def test_a_source_in_files_says_where_they_are(told: Told, project: Project):
    said = told.node("items")
    (source,) = said["dbt.inputs"]
    assert source["path"] == str(project.folder / "lake/prices.csv")
    assert shape(source) == {"item": "VARCHAR", "price": "DOUBLE"}
    assert source["columns"][1]["description"] == "What it costs."
    assert source["columns"][1]["tags"] == ["money"]
    assert said["dbt.output"]["database"] == "other"
    assert said["dbt.node"]["owner"] == {"email": "lone@shop.example", "group": "lone"}
    assert said["dbt.node"]["tags"] == ["alone"]


def test_a_model_in_a_file_says_where_it_is(told: Told, project: Project):
    assert told.node("exported")["dbt.output"]["path"] == str(project.folder / "lake/exported.csv")
    assert told.node("placed")["dbt.output"]["path"] == str(project.folder / "lake/placed.parquet")
    assert told.node("placed")["dbt.node"]["config"]["location"] == "lake/placed.parquet"
    assert "path" not in told.node("doc")["dbt.output"]


def test_ephemeral_models_are_passed_through_one_after_the_other(told: Told):
    assert names(told.node("three")["dbt.inputs"]) == ["main.doc"]


def test_a_model_of_another_project_is_external(told: Told):
    (theirs,) = told.node("meshed")["dbt.inputs"]
    assert names([theirs]) == ["main.theirs_v1"]
    assert theirs["resource_type"] == "external"
    assert theirs["unique_id"] == "model.another.theirs"
    assert shape(theirs) == {"their_id": "INTEGER"}


def test_a_column_that_the_project_quotes_says_so(told: Told):
    assert told.node("doc", "start")["dbt.output"]["columns"][0]["quoted"] is True
    assert shape(told.node("doc")["dbt.output"]) == {"Key": "VARCHAR"}


def test_the_header_of_a_seed_is_read_as_dbt_reads_it(told: Told):
    (file,) = told.node("ends")["dbt.inputs"]
    assert list(shape(file)) == ["key", "long\nname", "note"]


def test_renamed_columns_of_a_snapshot_are_marked_too(told: Told):
    generated = {
        column["name"] for column in told.node("past")["dbt.output"]["columns"] if "generated" in column
    }
    assert generated == {"dbt_scd_id", "dbt_updated_at", "since", "until"}


def test_facts_fire_no_event(told: Told, project: Project):
    # dbt warns each time it looks for a setting that stands in the meta of a model, and facts make it look more often
    with_facts, without = (
        [
            line.split("]", 2)[2]
            for line in (project.folder / name / "dbt.log").read_text().splitlines()
            if "WARNING" in line
        ]
        for name in ("with", "without")
    )
    assert with_facts == without
    assert without
