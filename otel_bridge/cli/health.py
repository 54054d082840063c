"""`otel-bridge health`."""

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

import click

from otel_bridge.cli.options import configured, data_dir
from otel_bridge.model import BridgeError
from otel_bridge.service.endpoints import Endpoints
from otel_bridge.settings import Settings

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the bridge is never behind a proxy


@click.command("health")
@configured
def command(settings: Settings) -> None:
    """Ask the running bridge how it is; exit code 1 if it can't accept, 2 if there is none."""
    url = f"http://{_api(settings)}/health"
    try:
        with _DIRECT.open(url, timeout=5) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise BridgeError(
            f"{url} does not answer ({reason}). Is it running? Start it with `otel-bridge serve`."
        ) from None
    click.echo(json.dumps(_told(url, body), indent=2))
    if status != 200:
        raise SystemExit(1)


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
