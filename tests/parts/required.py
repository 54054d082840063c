"""All parts by name, and `require`, which decides between skip and failure where one is missing."""

import os
from pathlib import Path
from typing import Literal, Protocol

import pytest

from tests.parts import PartMissing, collector, jaeger, kafka, marquez, marquez_client, postgres
from tests.parts.clients import CLIENTS
from tests.parts.dagster_versions import DAGSTER_1_8, DAGSTER_1_11, DAGSTER_PEERS, PYICEBERG_0_9
from tests.parts.dbt_versions import DBT_1_8, DBT_1_12, OPENLINEAGE_DBT


class Buildable(Protocol):
    """What every part has: its version, and the built artefact, made on demand or from the cache."""

    @property
    def VERSION(self) -> str: ...
    def build(self) -> Path: ...
    def installed(self) -> Path: ...


Part = Literal[
    "collector",
    "jaeger",
    "kafka",
    "marquez",
    "marquez_client",
    "dbt_1_8",
    "dbt_1_12",
    "openlineage_dbt",
    "dagster_1_8",
    "dagster_1_11",
    "dagster_peers",
    "pyiceberg_0_9",
    "postgres",
    "clients",
]
PARTS: dict[Part, Buildable] = {
    "collector": collector,
    "jaeger": jaeger,
    "kafka": kafka,
    "marquez": marquez,
    "marquez_client": marquez_client,
    "dbt_1_8": DBT_1_8,
    "dbt_1_12": DBT_1_12,
    "openlineage_dbt": OPENLINEAGE_DBT,
    "dagster_1_8": DAGSTER_1_8,
    "dagster_1_11": DAGSTER_1_11,
    "dagster_peers": DAGSTER_PEERS,
    "pyiceberg_0_9": PYICEBERG_0_9,
    "postgres": postgres,
    "clients": CLIENTS,
}


def require(part: Part) -> Path:
    """The built part. If it is missing the test skips; where `CI` is set it is built, or the test fails."""
    in_ci = bool(os.environ.get("CI"))
    try:
        path: Path = PARTS[part].build() if in_ci else PARTS[part].installed()
    except PartMissing as missing:
        if in_ci:
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))
    return path
