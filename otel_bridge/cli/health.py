"""`otel-bridge health`."""

import json
import time
from typing import Any

import click

from otel_bridge.cli.options import configured, data_dir, duration_ns
from otel_bridge.model import BridgeError
from otel_bridge.service.asking import ask
from otel_bridge.service.endpoints import Endpoints
from otel_bridge.settings import Secret, Settings

ASK_AGAIN_S = 0.2


@click.command("health")
@click.option("--wait", metavar="TIME", help="Ask again until it accepts, at most so long, such as 30s.")
@click.option(
    "--api-key",
    metavar="KEY",
    envvar="OTEL_BRIDGE_API_KEY",
    help="API key; better given as OTEL_BRIDGE_API_KEY. Default: the first of api.keys with the role read.",
)
@configured
def command(settings: Settings, wait: str | None, api_key: str | None) -> None:
    """Ask the running bridge how it is; exit code 1 if it can't accept, 2 if there is none."""
    end = time.monotonic() + (duration_ns(wait) / 1e9 if wait else 0.0)
    scheme = "https" if settings.api.tls else "http"
    key = Secret(api_key) if api_key else None
    while True:
        try:
            accepting, told = _ask(f"{scheme}://{_api(settings)}/health", settings, key)
        except BridgeError:
            if time.monotonic() >= end:
                raise
        else:
            if accepting or time.monotonic() >= end:
                break
        time.sleep(ASK_AGAIN_S)
    click.echo(json.dumps(told, indent=2))
    if not accepting:
        raise SystemExit(1)


def _ask(url: str, settings: Settings, key: Secret | None) -> tuple[bool, dict[str, Any]]:
    """Whether it accepts, and what it tells."""
    answer = ask(url, settings.api, key)
    if answer.status == 401:
        raise BridgeError(
            f"{url} does not accept the API key. Give another one by OTEL_BRIDGE_API_KEY or --config."
        )
    return answer.status == 200, _told(url, answer.body)


def _told(url: str, body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if not isinstance(told, dict) or "accepting" not in told:
        raise BridgeError(
            f"{url} answers, but is no otel-bridge. Name the right one with --data-dir or --config."
        )
    return told


def _api(settings: Settings) -> str:
    """Where the bridge of this data directory listens; the configured address if it left no word."""
    import msgspec

    file = Endpoints.file(settings.data_dir)
    try:
        return msgspec.json.decode(file.read_bytes(), type=Endpoints).api
    except (OSError, msgspec.DecodeError):
        data_dir(settings)
        return str(settings.api.endpoint)
