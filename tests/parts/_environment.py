"""Parts that are Python environments, each with what a list of pins says and nothing of ours.

They are installed without looking at dependencies, since the lists are complete.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from tests.parts._build import Recipe, Step, built, cached

INSTRUMENTATION = Path(__file__).parents[2] / "instrumentation"


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


def environment(part: str, pins: Path, package: str) -> Environment:
    """The environment of a list of pins; its version is that of a package in it."""
    (version,) = (
        line.partition("==")[2] for line in pins.read_text().splitlines() if line.startswith(f"{package}==")
    )
    return Environment(part, pins, version)


def on_path(*packages: str) -> dict[str, str]:
    """What brings packages of this checkout into an environment in which they are not installed."""
    return {"PYTHONPATH": ":".join(str(INSTRUMENTATION / package) for package in packages)}
