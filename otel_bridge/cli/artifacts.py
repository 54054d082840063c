"""`otel-bridge artifacts push | list`: what dbt writes into its target folder, for the completion of its own spans."""

import time
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from otel_bridge.cli.options import BridgeGroup, configured, data_dir, duration_ns, table_or_json
from otel_bridge.extract.dialects.dbt.artifacts import FILES, describing, kind_of, reduced
from otel_bridge.extract.dialects.dbt.pieces import CATALOG, MANIFEST, RUN_RESULTS, SOURCES
from otel_bridge.model import BridgeError
from otel_bridge.service.asking import Asked, send
from otel_bridge.service.endpoints import Endpoints
from otel_bridge.settings import Api, Secret, Settings

PATH = "/api/v1/dbt/artifacts"
ORDER = (RUN_RESULTS, SOURCES, CATALOG, MANIFEST)
"""The manifest goes last: with it an invocation is complete."""
LATER = 503
PAUSE_S = 5.0
SHOWN = 20


@click.group("artifacts", cls=BridgeGroup)
def command() -> None:
    """Give the bridge dbt's artifacts, or see what it has of them (docs/dbt-artifacts.md)."""


@command.command("push")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--url", metavar="URL", help="API of the bridge. Default: that of the configuration.")
@click.option(
    "--api-key",
    metavar="KEY",
    envvar="OTEL_BRIDGE_API_KEY",
    help="API key; better given as OTEL_BRIDGE_API_KEY. Default: the first of api.keys with the role write.",
)
@click.option(
    "--wait",
    metavar="TIME",
    default="30s",
    show_default=True,
    help="How long it is tried while the bridge can't accept.",
)
@configured
def push(folder: Path, url: str | None, api_key: str | None, wait: str, settings: Settings) -> None:
    """Send manifest.json, run_results.json, sources.json and catalog.json in DIR, whichever are there.

    DIR is dbt's target folder. Only what the bridge reads is sent, compressed. Sending twice does no harm.
    """
    base = (url or _running(settings)).rstrip("/")
    api = Api() if url else settings.api
    key = Secret(api_key) if api_key else None
    until_s = time.monotonic() + duration_ns(wait) / 1e9
    for name, body, size in _small(folder):
        answer = _sent(f"{base}{PATH}", api, body, key, until_s)
        told = msgspec.json.decode(answer.body)
        click.echo(
            f"{name:<17} {told['invocation_id']}  {told['nodes']} nodes, {size} bytes reduced to {len(body)}"
        )


@command.command("list")
@click.option("--limit", type=click.IntRange(1), default=SHOWN, show_default=True, help="At most so many.")
@table_or_json("How to print it.")
@configured
def list_(limit: int, format_: str, settings: Settings) -> None:
    """Show of which invocations artifacts are kept, the latest first."""
    from otel_bridge.journal import ArtifactReader

    for kept in ArtifactReader(data_dir(settings)).invocations(limit):
        if format_ == "json":
            click.echo(msgspec.json.encode(kept))
            continue
        told = ", ".join(f"{source} ({nodes})" for source, nodes in kept.sources.items())
        at = datetime.fromtimestamp(kept.at_ns // 10**9, UTC).isoformat().replace("+00:00", "Z")
        what = " ".join(part for part in (kept.command, kept.project) if part)
        click.echo(f"{kept.invocation_id}  {at}  {kept.bytes:>9} B  {what}: {told}")


def _running(settings: Settings) -> str:
    """The API of the bridge that runs here, else the configured one."""
    file = Endpoints.file(settings.data_dir)
    try:
        here = msgspec.json.decode(file.read_bytes(), type=Endpoints).api
    except (OSError, msgspec.DecodeError):
        return settings.api.base_url
    return f"{'https' if settings.api.tls else 'http'}://{here}"


def _small(folder: Path) -> list[tuple[str, bytes, int]]:
    """Name, reduced content and former size of the artifacts in a folder, in the order of sending."""
    found = {kind: folder / FILES[kind] for kind in ORDER if (folder / FILES[kind]).is_file()}
    if not found:
        raise BridgeError(f"{folder} has none of {', '.join(FILES.values())}. Give dbt's target folder.")
    run = kind_of(found[MANIFEST].read_bytes())[1].metadata if MANIFEST in found else None
    made = []
    for kind, path in found.items():
        body = path.read_bytes()
        of = describing(kind_of(body)[1].metadata, run) if kind == CATALOG and run else None
        made.append((path.name, reduced(body, of), len(body)))
    return made


def _sent(url: str, api: Api, body: bytes, key: Secret | None, until_s: float) -> Asked:
    """The answer; asked again while the bridge can't accept."""
    while (answer := send(url, api, body, key)).status == LATER and time.monotonic() < until_s:
        given = answer.retry_after or ""
        time.sleep(min(float(given) if given.isdigit() else PAUSE_S, PAUSE_S))
    if answer.status == 201:
        return answer
    raise BridgeError(f"{url} answers {answer.status}: {_said(answer)}")


def _said(answer: Asked) -> str:
    """What the bridge says, or what to do where something else answers."""
    try:
        return str(msgspec.json.decode(answer.body)["error"])
    except (msgspec.DecodeError, TypeError, KeyError):
        return "no otel-bridge answers there; name the right one with --url"
