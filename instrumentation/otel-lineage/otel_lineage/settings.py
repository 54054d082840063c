"""How lineage goes out, read from the environment. A bad value is warned about, and the default used."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from opentelemetry.util.re import parse_env_headers

from otel_lineage.trouble import warn_once

Signal = Literal["traces", "logs"]
Protocol = Literal["grpc", "http"]
PORTS: Mapping[Protocol, int] = {"grpc": 4317, "http": 4318}


@dataclass(frozen=True)
class Target:
    """Where one signal goes. `url` is complete for HTTP, and the server's for gRPC."""

    signal: Signal
    url: str
    headers: Mapping[str, str]

    @property
    def shown(self) -> str:
        """The URL for messages, without credentials in it."""
        head, separator, rest = self.url.rpartition("@")
        return f"{head.partition('://')[0]}://{rest}" if separator and "://" in head else rest


@dataclass(frozen=True)
class Settings:
    """Everything that can be configured. Times are in seconds."""

    protocol: Protocol
    traces: Target
    logs: Target
    timeout_s: float
    gzip: bool
    insecure: bool
    ca_file: str | None
    client_cert_file: str | None
    client_key_file: str | None
    flush_s: float
    heartbeat_s: float
    spool_dir: Path | None
    spool_bytes: int
    spool_age_s: float
    job_namespace: str | None
    sigterm: bool
    disabled: bool

    @classmethod
    def read(cls, env: Mapping[str, str]) -> "Settings":
        """From environment variables; README.md lists them."""
        protocol = _protocol(env)
        return cls(
            protocol=protocol,
            traces=_target(env, protocol, "traces"),
            logs=_target(env, protocol, "logs"),
            timeout_s=_number(env, "OTEL_EXPORTER_OTLP_TIMEOUT", 10),
            gzip=env.get("OTEL_EXPORTER_OTLP_COMPRESSION", "").strip().lower() == "gzip",
            insecure=_flag(env, "OTEL_EXPORTER_OTLP_INSECURE", default=False),
            ca_file=env.get("OTEL_EXPORTER_OTLP_CERTIFICATE") or None,
            client_cert_file=env.get("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE") or None,
            client_key_file=env.get("OTEL_EXPORTER_OTLP_CLIENT_KEY") or None,
            flush_s=_number(env, "OTEL_LINEAGE_FLUSH_TIMEOUT", 1.8),
            heartbeat_s=_number(env, "OTEL_LINEAGE_HEARTBEAT_INTERVAL", 30),
            spool_dir=_spool_dir(env),
            spool_bytes=int(_number(env, "OTEL_LINEAGE_SPOOL_MAX_BYTES", 64 * 1024**2)),
            spool_age_s=_number(env, "OTEL_LINEAGE_SPOOL_MAX_AGE", 7 * 86400),
            job_namespace=env.get("OTEL_LINEAGE_JOB_NAMESPACE") or None,
            sigterm=_flag(env, "OTEL_LINEAGE_SIGTERM", default=True),
            disabled=_flag(env, "OTEL_LINEAGE_DISABLED", default=False),
        )


def _protocol(env: Mapping[str, str]) -> Protocol:
    names = ("OTEL_LINEAGE_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    text = next((env[name] for name in names if env.get(name)), "http/protobuf").strip().lower()
    if text not in {"grpc", "http/protobuf", "http/json"}:
        warn_once(
            "protocol",
            "otel-lineage: protocol %r is neither grpc nor http/protobuf; http/protobuf is used",
            text,
        )
    return "grpc" if text == "grpc" else "http"


def _target(env: Mapping[str, str], protocol: Protocol, signal: Signal) -> Target:
    own = env.get("OTEL_LINEAGE_ENDPOINT")
    specific = env.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT")
    base = own or env.get("OTEL_EXPORTER_OTLP_ENDPOINT") or f"http://localhost:{PORTS[protocol]}"
    url = base.strip()
    if specific and not own:
        url = specific.strip()
    elif protocol == "http":
        url = f"{url.rstrip('/')}/v1/{signal}"
    if protocol == "http" and "://" not in url:
        url = f"http://{url}"
    return Target(signal, url, _headers(env, signal))


def _headers(env: Mapping[str, str], signal: Signal) -> Mapping[str, str]:
    """Credentials belong to the endpoint that they were given for: an own endpoint gets own headers only."""
    if env.get("OTEL_LINEAGE_ENDPOINT"):
        text = env.get("OTEL_LINEAGE_HEADERS", "")
    else:
        names = (
            "OTEL_LINEAGE_HEADERS",
            f"OTEL_EXPORTER_OTLP_{signal.upper()}_HEADERS",
            "OTEL_EXPORTER_OTLP_HEADERS",
        )
        text = next((env[name] for name in names if env.get(name)), "")
    return parse_env_headers(text, liberal=True)


def _spool_dir(env: Mapping[str, str]) -> Path | None:
    given = env.get("OTEL_LINEAGE_SPOOL_DIR")
    if given is not None:
        return Path(given).expanduser() if given not in {"", "none"} else None
    if os.name == "nt":
        return Path(env.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "otel-lineage" / "spool"
    try:
        state = Path(env.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    except RuntimeError:  # no home: a user id without an account, as containers have
        return None
    return state / "otel-lineage" / "spool"


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if 0 <= value < float("inf"):
        return value
    warn_once(name, "otel-lineage: %s=%r is no number of at least 0; %g is used", name, text, default)
    return default


def _flag(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = env.get(name, "").strip().lower()
    return text in {"1", "true", "yes", "on"} if text else default
