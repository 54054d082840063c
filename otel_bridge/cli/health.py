"""`otel-bridge health`."""

import json
import urllib.error
import urllib.request

import click

from otel_bridge.cli.options import configured, data_dir
from otel_bridge.model import BridgeError
from otel_bridge.service.endpoints import Endpoints
from otel_bridge.settings import Settings


@click.command("health")
@configured
def command(settings: Settings) -> None:
    """Ask the running bridge how it is; exit code 1 if it can't accept, 2 if there is none."""
    url = f"http://{_api(settings)}/health"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    except OSError as error:
        raise BridgeError(f"{url}: {error}. Is it running? Start it with `otel-bridge serve`.") from None
    click.echo(json.dumps(json.loads(body), indent=2))
    if status != 200:
        raise SystemExit(1)


def _api(settings: Settings) -> str:
    """Where the bridge of this data directory listens; the configured address if it left no word."""
    import msgspec

    file = Endpoints.file(settings.data_dir)
    try:
        return msgspec.json.decode(file.read_bytes(), type=Endpoints).api
    except OSError:
        data_dir(settings)
        return str(settings.api.endpoint)
