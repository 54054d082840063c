"""Builds from published packages, each made once per recipe and kept in the user's cache folder."""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


class PartMissing(Exception):
    """A part can't be had here: `reason` says why, `remedy` what to do about it."""

    def __init__(self, part: str, reason: str, remedy: str) -> None:
        super().__init__(f"{part}: {reason}; {remedy}")
        self.part = part
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a recipe, run in the work folder; `{work}` stands for that folder's path."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)

    def run(self, work: Path) -> None:
        """Run it at low priority; CalledProcessError if it fails."""
        nice = ["nice", "-n", "10"] if shutil.which("nice") else []
        env = {name: value.format(work=work) for name, value in self.env.items()}
        argv = [word.format(work=work) for word in self.argv]
        subprocess.run([*nice, *argv], cwd=work, env=os.environ | env, stdin=subprocess.DEVNULL, check=True)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a part is made: tools it needs, files copied into the work folder, steps, the product kept."""

    part: str
    version: str
    tools: Mapping[str, str]
    """Command to what installs it."""
    inputs: tuple[Path, ...]
    steps: tuple[Step, ...]
    product: str
    """Path in the work folder of the file or folder that is kept."""

    @property
    def folder(self) -> Path:
        """Where the built part stands; another recipe, another folder."""
        return cache_folder() / f"{self.part}-{self.version}-{self.fingerprint()}"

    @property
    def kept(self) -> Path:
        """The product in the cache, there or not."""
        return self.folder / Path(self.product).name

    def fingerprint(self) -> str:
        """A short hash of all that decides the outcome."""
        digest = hashlib.sha256(f"{platform.system()} {platform.machine()} {self.product}".encode())
        for step in self.steps:
            digest.update(repr((step.argv, sorted(step.env.items()))).encode())
        for path in self.inputs:
            digest.update(path.read_bytes())
        return digest.hexdigest()[:12]

    def check_tools(self) -> None:
        """PartMissing if a command is not on the PATH."""
        for tool, remedy in self.tools.items():
            if shutil.which(tool) is None:
                raise PartMissing(self.part, f"the command {tool} is not on the PATH", remedy)


def cache_folder() -> Path:
    """The folder of all built parts."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "otel-bridge" / "parts"


def cached(recipe: Recipe) -> Path:
    """The built product; PartMissing if nobody built it yet."""
    if not recipe.kept.exists():
        raise PartMissing(recipe.part, "it is not built", f"run `python -m tests.parts build {recipe.part}`")
    return recipe.kept


def built(recipe: Recipe) -> Path:
    """The built product, made now if it is not in the cache; PartMissing if that can't be done."""
    if not recipe.kept.exists():
        recipe.check_tools()
        with _locked(_beside(recipe.folder, ".lock")):
            if not recipe.kept.exists():
                _make(recipe)
    return recipe.kept


def _make(recipe: Recipe) -> None:
    started = time.monotonic()
    part = _beside(recipe.folder, f".part-{os.getpid()}")
    work = part / "work"
    work.mkdir(parents=True)
    try:
        for path in recipe.inputs:
            shutil.copy(path, work / path.name)
        for step in recipe.steps:
            _say(recipe, f"{' '.join(step.argv[:3])} ...", started)
            step.run(work)
        shutil.move(work / recipe.product, part / recipe.kept.name)
        shutil.rmtree(work)
        part.rename(recipe.folder)
    except subprocess.CalledProcessError as error:
        raise _failed(recipe, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    _say(recipe, f"built {recipe.kept}", started)


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(folder.name + suffix)


def _failed(recipe: Recipe, error: subprocess.CalledProcessError) -> PartMissing:
    reason = f"its build failed: `{' '.join(map(str, error.cmd))}` ended with status {error.returncode}"
    return PartMissing(
        recipe.part, reason, f"run `python -m tests.parts build {recipe.part}` and read its output"
    )


def _say(recipe: Recipe, text: str, started: float) -> None:
    print(f"[{time.monotonic() - started:6.1f} s] {recipe.part} {recipe.version}: {text}", flush=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock: the second of two builders waits, and finds the part built."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
