"""`otel-bridge health`."""

import http.client
import json
import time
import urllib.error
import urllib.request
from typing import Any

import click

from otel_bridge.cli.options import configured, data_dir, duration_ns
from otel_bridge.model import BridgeError
from otel_bridge.service.endpoints import Endpoints
from otel_bridge.settings import Settings

ASK_AGAIN_S = 0.2

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the bridge is never behind a proxy


@click.command("health")
@click.option("--wait", metavar="TIME", help="Ask again until it accepts, at most so long, such as 30s.")
@configured
def command(settings: Settings, wait: str | None) -> None:
    """Ask the running bridge how it is; exit code 1 if it can't accept, 2 if there is none."""
    end = time.monotonic() + (duration_ns(wait) / 1e9 if wait else 0.0)
    while True:
        try:
            accepting, told = _ask(f"http://{_api(settings)}/health")
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


def _ask(url: str) -> tuple[bool, dict[str, Any]]:
    """Whether it accepts, and what it tells."""
    try:
        with _DIRECT.open(url, timeout=5) as answer:
            return True, _told(url, answer.read())
    except urllib.error.HTTPError as error:
        return False, _told(url, error.read())
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise BridgeError(
            f"{url} does not answer ({reason}). Is it running? Start it with `otel-bridge serve`."
        ) from None


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
