"""What openlineage-python would use as its transport, found by its own rules and without building one.

`OPENLINEAGE_URL`, `OPENLINEAGE_API_KEY`, `OPENLINEAGE_ENDPOINT`, `OPENLINEAGE__...`, `OPENLINEAGE_CONFIG`,
`openlineage.yml` and `OPENLINEAGE_DISABLED` mean the same here as in any OpenLineage producer.
"""

import contextlib
import copy
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Transport = dict[str, Any]

SPEAKING = (
    "OPENLINEAGE_URL",
    "OPENLINEAGE_CONFIG",
    "OPENLINEAGE_API_KEY",
    "OPENLINEAGE_ENDPOINT",
    "OPENLINEAGE__TRANSPORT",
)


def resolve(environ: Mapping[str, str], cwd: Path) -> Transport | None:
    """The `transport` section that counts; None if OpenLineage is not configured, or disabled.

    Raises:
        ValueError: something is configured, but no transport comes out of it.
    """
    if not _speaks(environ, cwd):
        return None
    _check_file(environ)
    with _as_if(environ, cwd), _overheard() as errors:
        found = _ask_client()
    if found is None:
        said = f" ({'; '.join(errors)})" if errors else ""
        raise ValueError(
            f"it names no transport{said}. Set OPENLINEAGE_URL, or a transport in openlineage.yml"
        )
    return None if found["type"] == "noop" else found


def _speaks(environ: Mapping[str, str], cwd: Path) -> bool:
    """Whether there is anything to resolve; importing the client for nothing would cost half a second."""
    files = [
        cwd / "openlineage.yml",
        Path(environ.get("HOME", "~")).expanduser() / ".openlineage/openlineage.yml",
    ]
    return any(name.startswith(SPEAKING) for name in environ) or any(file.is_file() for file in files)


def _check_file(environ: Mapping[str, str]) -> None:
    """The client passes over a file that does not exist, and events would go elsewhere."""
    named = environ.get("OPENLINEAGE_CONFIG")
    if named and not Path(named).is_file():
        raise ValueError(f"OPENLINEAGE_CONFIG names {named}, which is no file. Correct or unset it")


def _ask_client() -> Transport | None:
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport import HttpTransport, TransportFactory
    from openlineage.client.transport.noop import NoopConfig, NoopTransport

    class Recorder(TransportFactory):
        """Stands where the client builds its transport."""

        seen: Transport | None = None

        def create(self, config: Transport | None = None) -> NoopTransport:
            """Keep the configuration, build nothing."""
            self.seen = copy.deepcopy(config)
            return NoopTransport(NoopConfig())

    recorder = Recorder()
    try:
        transport = OpenLineageClient(factory=recorder).transport
    except Exception as error:  # the client raises whatever its parts raise
        raise ValueError(f"{type(error).__name__}: {error}. Correct the OpenLineage configuration") from error
    if recorder.seen is not None:
        return recorder.seen
    if isinstance(transport, HttpTransport):
        return _legacy(transport.config)
    return {"type": "noop"} if isinstance(transport, NoopTransport) else None


def _legacy(config: Any) -> Transport:
    """The transport of `OPENLINEAGE_URL`, `_ENDPOINT` and `_API_KEY` as a section."""
    section = {"type": "http", "url": config.url, "endpoint": config.endpoint, "timeout": config.timeout}
    key = getattr(config.auth, "api_key", None)
    return section | ({"auth": {"type": "api_key", "api_key": key}} if key else {})


@contextlib.contextmanager
def _as_if(environ: Mapping[str, str], cwd: Path) -> Iterator[None]:
    """The client looks at the process's environment, and writes into it; only ever used while starting."""
    given = dict(environ)  # `environ` may be `os.environ` itself
    variables, here = dict(os.environ), Path.cwd()
    try:
        os.environ.clear()
        os.environ.update(given)
        os.chdir(cwd)
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(variables)


@contextlib.contextmanager
def _overheard() -> Iterator[list[str]]:
    """Errors that the client only logs: in our error, and not, with a traceback, on stderr, before our log is set up."""
    errors: list[str] = []
    handler, logger = _Errors(errors), logging.getLogger("openlineage")
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield errors
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated


class _Errors(logging.Handler):
    def __init__(self, errors: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._errors = errors

    def emit(self, record: logging.LogRecord) -> None:
        self._errors.append(record.getMessage().strip(" :"))
