"""Further versions of dbt, each an environment of its own: the oldest that is supported, the first with spans of its
own, and openlineage-dbt. Ours are not in them; `PYTHONPATH` brings them from the checkout (`WITH_PLUGIN`).

    DBT_1_8.installed() / "bin/python"

They are installed without looking at dependencies, since the lists are complete: dbt-core 1.12 depends on a package that is
downloaded from elsewhere while it is built, and that is needed for one experimental flag only.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from tests.parts._build import Recipe, Step, built, cached

INSTRUMENTATION = Path(__file__).parents[3] / "instrumentation"
WITH_PLUGIN = {"PYTHONPATH": f"{INSTRUMENTATION / 'otel-lineage'}:{INSTRUMENTATION / 'otel-bridge-dbt'}"}
"""What makes the plugin part of an environment in which it is not installed."""


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment; a part as the modules beside it are."""

    part: str
    pins: Path
    VERSION: str

    @property
    def recipe(self) -> Recipe:
        """How it is made."""
        pip = ("{work}/env/bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check", "install")
        steps = (
            Step((sys.executable, "-m", "venv", "{work}/env")),
            Step((*pip, "--no-deps", "-r", f"{{work}}/{self.pins.name}")),
        )
        return Recipe(self.part, self.VERSION, {}, (self.pins,), steps, "env")

    def build(self) -> Path:
        """The environment's folder, made if need be (half a minute)."""
        return built(self.recipe)

    def installed(self) -> Path:
        """The environment's folder from the cache; PartMissing if it is not there."""
        return cached(self.recipe)


def _environment(part: str, file: str, package: str) -> Environment:
    pins = Path(__file__).with_name(f"{file}.txt")
    (version,) = (
        line.partition("==")[2] for line in pins.read_text().splitlines() if line.startswith(f"{package}==")
    )
    return Environment(part, pins, version)


DBT_1_8 = _environment("dbt_1_8", "dbt-1.8", "dbt-core")
DBT_1_12 = _environment("dbt_1_12", "dbt-1.12", "dbt-core")
OPENLINEAGE_DBT = _environment("openlineage_dbt", "openlineage-dbt", "openlineage-dbt")
