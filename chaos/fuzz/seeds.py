"""Real requests to start from: the golden corpus, in both encodings, with fresh ids each time."""

import json
import random
import re
from pathlib import Path
from typing import Any, Literal, NamedTuple

from google.protobuf import json_format
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

Signal = Literal["traces", "logs"]

GOLDEN = Path(__file__).parents[2] / "tests/golden"
PLACEHOLDERS = 16
_TRACE = re.compile(r'"(?:traceId|trace_id)": ?"([0-9a-fA-F]{32})"')
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_IDS = ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id")


class Seed(NamedTuple):
    """One request in both encodings; `traces` are its trace ids and `uuids` its run ids, to be replaced."""

    signal: Signal
    protobuf: bytes
    document: bytes
    traces: tuple[bytes, ...]
    uuids: tuple[bytes, ...]

    def fresh(self, encoding: str, chance: random.Random) -> bytes:
        """The request with ids that were never used before."""
        body = self.protobuf if encoding == "protobuf" else self.document
        for trace in self.traces:
            new = chance.randbytes(16)
            old = trace if encoding == "protobuf" else trace.hex().encode()
            body = body.replace(old, new if encoding == "protobuf" else new.hex().encode())
        if self.uuids and chance.random() < 0.8:
            for uuid in self.uuids:
                body = body.replace(uuid, fresh_uuid(chance))
        return body


def load() -> list[Seed]:
    """Every request of the golden corpus that is valid OTLP."""
    lines = [
        line for file in sorted(GOLDEN.glob("*/*/input.jsonl")) for line in file.read_text().splitlines()
    ]
    return [_seed(line) for line in lines if line.strip()]


def _seed(line: str) -> Seed:
    signal: Signal = "logs" if '"resourceLogs"' in line or '"resource_logs"' in line else "traces"
    line = _TRACE.sub(lambda found: found.group().lower().replace("traceid", "traceId"), line)
    message = (LogsData if signal == "logs" else TracesData)()
    json_format.ParseDict(_with_base64_ids(json.loads(line)), message, ignore_unknown_fields=True)
    traces = tuple(dict.fromkeys(bytes.fromhex(t) for t in _TRACE.findall(line)))
    document = line.encode()
    uuids = tuple(dict.fromkeys(_UUID.findall(document)))
    return Seed(signal, message.SerializeToString(), document, traces, uuids)


def _with_base64_ids(value: Any) -> Any:
    """Ids as protobuf's own JSON mapping wants them."""
    if isinstance(value, list):
        return [_with_base64_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _base64(v) if key in _IDS else _with_base64_ids(v) for key, v in value.items()}


def _base64(text: str) -> str:
    import base64

    return base64.b64encode(bytes.fromhex(text)).decode()


def fresh_uuid(chance: random.Random) -> bytes:
    """A UUID that was never used before."""
    digits = chance.randbytes(16).hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])).encode()
