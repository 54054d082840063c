"""The rows of the OTLP server checklist, one test or more each, from outside."""

import base64
import gzip
import json
import os
import socket
import subprocess
import sys
import time
import zlib
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel_bridge.model import Kind, Unavailable
from otel_bridge.receive import decode
from otel_bridge.settings import Secret
from tests.otlp import logs, record, span, span_id, trace_id, traces
from tests.receive.serving import JSON, PROTOBUF, Served, local, receive, serving

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"


def run_request(job: str = "job") -> bytes:
    return traces(span(trace_id(), span_id(), job=job))


def call(served: Served, method: str, body: bytes, compression=None, metadata=None, options=()):
    with grpc.insecure_channel(
        served.grpc_address, options=[("grpc.max_send_message_length", -1), *options]
    ) as channel:
        return channel.unary_unary(method)(body, timeout=20, compression=compression, metadata=metadata)


def refused(served: Served, method: str, body: bytes, **more) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        call(served, method, body, **more)
    return caught.value


def grpc_status(error) -> Status:
    return Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])


def json_span(**more) -> dict:
    attribute = {"key": "openlineage.job.name", "value": {"stringValue": "job"}}
    return {"traceId": os.urandom(16).hex(), "spanId": os.urandom(8).hex(), "attributes": [attribute], **more}


def json_request(*spans: dict) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


def test_row_01_grpc_services(served: Served):
    assert call(served, TRACES, run_request()) == b""
    assert call(served, LOGS, logs(record("openlineage.run.start", trace_id(), span_id()))) == b""
    assert [row.kind for row in served.journal.rows] == [Kind.SPAN, Kind.LOG]
    assert served.journal.received == 2


def test_row_01_metrics_are_taken_and_ignored(served: Served):
    assert call(served, METRICS, b"\x0a\x00") == b""
    assert served.post("/v1/metrics", b"\x0a\x00")[::2] == (200, b"")
    assert served.post("/v1/metrics", b"{}", JSON)[::2] == (200, b"{}")
    assert not served.journal.tallies


def test_row_01_other_services_are_unimplemented(served: Served):
    error = refused(
        served, "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export", b""
    )
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


def test_row_02_http_paths(served: Served):
    assert served.post("/v1/traces", run_request())[0] == 200
    assert served.post("/v1/traces?a=b", run_request())[0] == 200
    assert served.post("/v1/logs", logs(record("openlineage.run.start", trace_id(), span_id())))[0] == 200
    assert len(served.journal.rows) == 3
    for path in ("/v1/traces/", "/", "/v1/development/profiles"):
        status, _, body = served.post(path, b"")
        assert (status, Status.FromString(body).code) == (404, 5)


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("", bytes),
        ("identity", bytes),
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("gzip", lambda b: gzip.compress(b[:40]) + gzip.compress(b[40:]) + bytes(8)),
        ("deflate", zlib.compress),
        ("deflate", lambda b: zlib.compress(b)[2:-4]),
    ],
)
def test_row_03_compressions(served: Served, encoding: str, compress):
    headers = {"Content_Encoding": encoding} if encoding else {}
    assert served.post("/v1/traces", compress(run_request()), **headers)[0] == 200
    assert served.post("/v1/traces", compress(json_request(json_span())), JSON, **headers)[0] == 200
    assert len(served.journal.rows) == 2


def test_row_03_unknown_compression(served: Served):
    status, headers, body = served.post("/v1/traces", b"xx", Content_Encoding="zstd")
    assert (status, headers["Accept-Encoding"]) == (415, "gzip, deflate, identity")
    assert "zstd" in Status.FromString(body).message


@pytest.mark.parametrize(
    "compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate]
)
def test_row_03_grpc_compressions(served: Served, compression):
    assert call(served, TRACES, run_request("x" * 4000), compression=compression) == b""
    assert len(served.journal.rows) == 1


def test_row_04_both_encodings_on_one_port_mirrored(served: Served):
    status, headers, body = served.post("/v1/traces", run_request(), "application/x-protobuf; charset=utf-8")
    assert (status, headers["Content-Type"], body) == (200, PROTOBUF, b"")
    status, headers, body = served.post(
        "/v1/traces", json_request(json_span()), "Application/JSON;charset=UTF-8"
    )
    assert (status, headers["Content-Type"], body) == (200, JSON, b"{}")


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_row_04_other_content_types(served: Served, content_type: str):
    status, headers, body = served.post("/v1/traces", b"{}", content_type)
    assert (status, headers["Content-Type"]) == (415, JSON)
    assert json.loads(body)["code"] == 3


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PUT", "DELETE", "HEAD"])
def test_row_04_other_methods(served: Served, method: str):
    head, body = exchange(served, f"{method} /v1/traces HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert head.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: POST\r\n" in head
    assert body == b"" if method == "HEAD" else json.loads(body)["code"] == 12


def test_row_05_empty_requests(served: Served):
    assert served.post("/v1/traces", b"")[0] == 200
    assert served.post("/v1/logs", b"{}", JSON)[::2] == (200, b"{}")
    assert served.post("/v1/traces", b'{"resourceSpans": []}', JSON)[0] == 200
    assert call(served, TRACES, b"") == b""
    assert served.journal.received == 0


def test_row_06_partial_success_is_unset_on_full_success(served: Served):
    assert served.post("/v1/traces", run_request())[2] == b""
    assert served.post("/v1/traces", json_request(json_span()), JSON)[2] == b"{}"


def good_and_bad() -> bytes:
    return traces(
        span(trace_id(), span_id(), job="good"),
        span(trace_id()[:5], span_id(), job="short"),
        span(trace_id(), bytes(8), job="zero"),
        span(trace_id(), span_id(), b"abc", job="parent"),
        span(trace_id(), span_id(), job="good too"),
    )


def test_row_07_partial_success(served: Served):
    status, _, body = served.post("/v1/traces", good_and_bad())
    answer = ExportTraceServiceResponse.FromString(body).partial_success
    assert (status, answer.rejected_spans) == (200, 3)
    assert "trace id" in answer.error_message
    assert [decode.span(row.payload).name for row in served.journal.rows] == ["good", "good too"]
    assert served.journal.tallies[0].rejected == {"trace_id": 1, "span_id": 1, "parent_span_id": 1}
    assert (
        ExportTraceServiceResponse.FromString(call(served, TRACES, good_and_bad())).partial_success == answer
    )


def test_row_07_partial_success_of_logs_and_in_json(served: Served):
    body = served.post("/v1/logs", logs(record("openlineage.run.start"), record("openlineage.job")))[2]
    assert ExportLogsServiceResponse.FromString(body).partial_success.rejected_log_records == 1
    body = served.post("/v1/traces", json_request(json_span(), json_span(spanId="zz")), JSON)[2]
    answer = json.loads(body)["partialSuccess"]
    assert answer["rejectedSpans"] == "1"
    assert "span id" in answer["errorMessage"]


def test_row_08_errors_are_a_status_in_the_requests_encoding(served: Served):
    status, headers, body = served.post("/v1/traces", b"\xff" * 30)
    assert (status, headers["Content-Type"]) == (400, PROTOBUF)
    answer = Status.FromString(body)
    detail = BadRequest()
    assert answer.code == 3
    assert answer.details[0].Unpack(detail)
    assert detail.field_violations[0].description == answer.message
    status, headers, body = served.post("/v1/traces", b'{"resourceSpans": [{"scopeSpans": 3}]}', JSON)
    assert (status, headers["Content-Type"]) == (400, JSON)
    answer = json.loads(body)
    assert "$.resourceSpans[0].scopeSpans" in answer["message"]
    assert answer["details"][0]["@type"] == "type.googleapis.com/google.rpc.BadRequest"


@pytest.mark.parametrize(
    "body",
    [
        b"text",
        b"\x0a\xff",
        run_request()[:-3],
        gzip.compress(b"x", mtime=0),
        bytes(range(150, 214)) + b"\xff",
    ],
    ids=["text", "one byte", "cut off", "compressed", "noise"],
)
def test_row_09_undecodable(served: Served, body: bytes):
    assert served.post("/v1/traces", body)[0] == 400
    assert served.post("/v1/logs", body, JSON)[0] == 400
    error = refused(served, TRACES, body)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert grpc_status(error).code == 3
    assert not served.journal.tallies


@pytest.mark.parametrize(
    "body",
    [b"plain", gzip.compress(run_request())[:-9], b"\x1f\x8b", gzip.compress(b"") + b"junk"],
    ids=["plain", "cut off", "magic only", "junk after it"],
)
def test_row_09_not_what_the_encoding_says(served: Served, body: bytes):
    assert served.post("/v1/traces", body, Content_Encoding="gzip")[0] == 400


@pytest.mark.parametrize("trouble", [RuntimeError("a bug"), OSError("disk"), Unavailable("full", 7)])
def test_row_10_trouble_of_ours_is_retryable(served: Served, trouble: Exception):
    served.journal.trouble = trouble
    for body in (run_request(), traces(span(trace_id(), span_id()))):
        assert served.post("/v1/traces", body)[0] == 503
        assert refused(served, TRACES, body).code() is grpc.StatusCode.UNAVAILABLE
    served.journal.trouble = None
    assert served.post("/v1/traces", run_request())[0] == 200


def test_row_11_throttling_says_when(served: Served):
    served.journal.trouble = Unavailable("full", 7)
    status, headers, body = served.post("/v1/traces", run_request())
    assert (status, headers["Retry-After"], Status.FromString(body).code) == (503, "7", 14)
    retry = RetryInfo()
    assert grpc_status(refused(served, TRACES, run_request())).details[0].Unpack(retry)
    assert retry.retry_delay.seconds == 7
    body = served.post("/v1/traces", json_request(json_span()), JSON)[2]
    assert json.loads(body)["details"][0]["retryDelay"] == "7s"


@pytest.fixture(scope="module")
def small():
    """A server that takes 1 MiB at most."""
    with serving(receive(max_request=1024**2)) as served:
        yield served


def test_row_12_over_the_limit(small: Served):
    big = traces(span(trace_id(), span_id(), job="x" * 2 * 1024**2))
    for body, headers in ((big, {}), (gzip.compress(big), {"Content_Encoding": "gzip"})):
        status, _, answer = small.post("/v1/traces", body, **headers)
        assert (status, Status.FromString(answer).code) == (413, 8)
    assert refused(small, TRACES, big).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    error = refused(small, TRACES, big, compression=grpc.Compression.Gzip)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert small.post("/v1/metrics", gzip.compress(bytes(2 * 1024**2)), Content_Encoding="gzip")[0] == 413
    assert small.post("/v1/traces", run_request())[0] == 200


def test_row_12_over_the_limit_in_chunks(small: Served):
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    head, body = exchange(small, request_head("Transfer-Encoding: chunked") + chunk * 64)
    assert head.startswith(b"HTTP/1.1 413 ")
    assert Status.FromString(body).code == 8


def test_row_12_just_under_the_limit(small: Served):
    body = traces(span(trace_id(), span_id(), job="job", filler="x" * (1024**2 - 1000)))
    assert small.post("/v1/traces", gzip.compress(body), Content_Encoding="gzip")[0] == 200
    assert call(small, TRACES, body, compression=grpc.Compression.Gzip) == b""


BOMBED = Path(__file__).with_name("bombed.py")


@pytest.mark.parametrize("door", ["http", "grpc"])
def test_row_12_a_bomb_stays_bounded(door: str):
    """1 GiB of zeros in 1 MB; the limit is 8 MiB."""
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, BOMBED], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, cwd=root
    )
    with process:
        http_address, grpc_address = process.stdout.readline().split()
        before = peak_kib(process.pid)
        if door == "http":
            head, _ = exchange_at(("127.0.0.1", int(http_address.rpartition(":")[2])), bomb_request())
            assert head.startswith(b"HTTP/1.1 413 ")
        else:
            with grpc.insecure_channel(
                grpc_address, options=[("grpc.max_send_message_length", -1)]
            ) as channel:
                with pytest.raises(grpc.RpcError) as caught:
                    channel.unary_unary(TRACES)(
                        bytes(256 * 1024**2), compression=grpc.Compression.Gzip, timeout=60
                    )
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        grown = peak_kib(process.pid) - before
        process.stdin.close()
    assert grown < 64 * 1024


def bomb_request() -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(compressor.compress(bytes(1024**2)) for _ in range(1024)) + compressor.flush()
    return request_head(f"Content-Length: {len(bomb)}", "Content-Encoding: gzip") + bomb


def peak_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def test_row_13_answers_are_small(served: Served):
    bad = "x" * 100_000
    assert len(served.post("/v1/traces", json_request(json_span(kind=bad)), JSON)[2]) < 4096
    assert len(served.post("/v1/traces", b"", content_type="a/" + "b" * 5000)[2]) < 4096
    assert len(served.post("/v1/traces", traces(*[span(b"", b"", job="j")] * 5000))[2]) < 4096


def test_row_14_json_ids_are_hex_of_any_case(served: Served):
    ids = {
        "traceId": "0AF7651916cd43dd8448EB211c80319C",
        "spanId": "B7ad6b7169203331",
        "parentSpanId": "00F067aa0ba902B7",
    }
    assert served.post("/v1/traces", json_request(json_span(**ids)), JSON)[2] == b"{}"
    (row,) = served.journal.rows
    got = decode.span(row.payload)
    assert (got.trace_id, got.span_id, got.parent_span_id) == tuple(text.lower() for text in ids.values())


@pytest.mark.parametrize(
    "bad",
    ["", "zz", "00" * 16, "0af7651916cd43dd8448eb211c80319", base64.b64encode(bytes(16)).decode(), " " * 32],
)
def test_row_14_one_bad_id_among_good(served: Served, bad: str):
    body = json_request(json_span(name="a"), json_span(traceId=bad), json_span(name="b"))
    answer = json.loads(served.post("/v1/traces", body, JSON)[2])
    assert answer["partialSuccess"]["rejectedSpans"] == "1"
    assert [decode.span(row.payload).name for row in served.journal.rows] == ["a", "b"]


def test_row_14_json_forms(served: Served):
    values = {
        "text": {"stringValue": "é\u2028"},
        "yes": {"boolValue": True},
        "int as text": {"intValue": "-9007199254740993"},
        "int": {"intValue": 7},
        "float": {"doubleValue": 1.5},
        "whole float": {"doubleValue": 2},
        "nan": {"doubleValue": "NaN"},
        "bytes": {"bytesValue": base64.b64encode(b"\xff\x00").decode()},
        "list": {"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "x"}]}},
        "map": {"kvlist_value": {"values": [{"key": "k", "value": {"array_value": {"values": []}}}]}},
        "none": {},
        "null": None,
    }
    attributes = [{"key": key, "value": value, "unknown": {"a": [1]}} for key, value in values.items()]
    one = json_span(
        name="n",
        kind="SPAN_KIND_SERVER",
        startTimeUnixNano="1700000000000000001",
        end_time_unix_nano=1700000000000000002,
        status={"code": 2, "message": "bad", "more": []},
        traceState=None,
        events=None,
        links=[],
        flags=257,
    )
    one["attributes"] += attributes
    body = json.dumps(
        {
            "resource_spans": [
                {"resource": None, "scope_spans": [{"spans": [one], "x": 1}], "schemaUrl": "u"}
            ],
            "y": {},
        }
    )
    assert served.post("/v1/traces", body.encode(), JSON)[::2] == (200, b"{}")
    got = decode.span(served.journal.rows[0].payload)
    assert got.attributes.pop("nan") != got.attributes.get("nan")
    assert got.attributes == {
        "openlineage.job.name": "job",
        "text": "é\u2028",
        "yes": True,
        "int as text": -9007199254740993,
        "int": 7,
        "float": 1.5,
        "whole float": 2.0,
        "bytes": b"\xff\x00",
        "list": [1, "x"],
        "map": {"k": []},
        "none": None,
        "null": None,
    }
    assert (got.kind, got.start_ns, got.end_ns, got.flags) == (
        2,
        1700000000000000001,
        1700000000000000002,
        257,
    )
    assert (got.status, got.status_message) == (2, "bad")


def test_row_14_json_escapes_do_not_hide_lineage(served: Served):
    body = json_request(json_span()).replace(b"openlineage.", rb"\u006fpenlineage\u002e")
    assert served.post("/v1/traces", body, JSON)[0] == 200
    assert decode.span(served.journal.rows[0].payload).attributes == {"openlineage.job.name": "job"}


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"startTimeUnixNano": "soon"}, ".startTimeUnixNano"),
        ({"startTimeUnixNano": -1}, ".startTimeUnixNano"),
        ({"name": 5}, ".name"),
        ({"events": [{}, {"attributes": [{"key": 3}]}]}, ".events[1].attributes[0].key"),
        ({"attributes": {}}, ".attributes"),
        ({"status": "OK"}, ".status"),
    ],
)
def test_row_14_json_of_wrong_types(served: Served, more: dict, path: str):
    body = json_request(json_span(), json_span(schema="openlineage.", **more))
    status, _, answer = served.post("/v1/traces", body, JSON)
    assert status == 400
    assert f"$.resourceSpans[0].scopeSpans[0].spans[1]{path} " in json.loads(answer)["message"]


@pytest.mark.parametrize(
    ("depth", "marker"), [(60, "openlineage."), (200_000, "openlineage."), (200_000, "")]
)
def test_row_14_json_nested_too_deep(served: Served, depth: int, marker: str):
    value = '{"arrayValue":{"values":[' * depth + "]}}" * depth
    one = f'{{"traceId":"{"ab" * 16}","attributes":[{{"key":"{marker}","value":{value}}}]}}'
    body = f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{one}]}}]}}]}}'.encode()
    assert served.post("/v1/traces", body, JSON)[0] == 400


def test_row_15_unknown_protobuf_fields(served: Served):
    unknown = b"\xfa\x3e\x03abc"
    own = span(trace_id(), span_id(), job="job").SerializeToString() + unknown
    scope = b"\x12" + varint(len(own)) + own + unknown
    resource = b"\x12" + varint(len(scope)) + scope + unknown
    body = b"\x0a" + varint(len(resource)) + resource + unknown
    assert served.post("/v1/traces", body)[::2] == (200, b"")
    assert decode.span(served.journal.rows[0].payload).name == "job"
    assert unknown in served.journal.rows[0].payload


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def test_row_16_keep_alive_and_pipelining_in_order(served: Served):
    bodies = [run_request(), b"\xff", run_request(), b""]
    sent = b"".join(request_head(f"Content-Length: {len(body)}") + body for body in bodies)
    with socket.create_connection(served.http_address, timeout=20) as connection:
        for _ in range(2):
            connection.sendall(sent)
            assert [read_answer(connection)[0].split()[1] for _ in bodies] == [b"200", b"400", b"200", b"200"]
    assert len(served.journal.rows) == 4


def test_row_16_http_1_0_and_connection_close(served: Served):
    body = run_request()
    for version, header in ((b"1.0", "X: y"), (b"1.1", "Connection: close")):
        sent = (
            request_head(f"Content-Length: {len(body)}", header).replace(b"HTTP/1.1", b"HTTP/" + version)
            + body
        )
        head, _ = exchange(served, sent)
        assert b" 200 OK\r\n" in head
        assert b"Connection: close" in head


def test_row_16_an_upgrade_is_declined(served: Served):
    body = run_request()
    sent = (
        request_head(f"Content-Length: {len(body)}", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c")
        + body
    )
    head, _ = exchange(served, sent)
    assert head.startswith(b"HTTP/1.1 200 ")


def test_row_17_no_cors(served: Served):
    head, _ = exchange(served, b"OPTIONS /v1/traces HTTP/1.1\r\nHost: x\r\nOrigin: http://elsewhere\r\n\r\n")
    assert b"access-control" not in head.lower()


def test_row_18_bearer_tokens():
    door = local(bearer_tokens=(Secret("first"), Secret("second")))
    with serving(receive(door, door)) as served:
        for headers in ({}, {"Authorization": "Bearer third"}, {"Authorization": "Basic first"}):
            status, answer_headers, body = served.post("/v1/traces", run_request(), **headers)
            assert (status, Status.FromString(body).code) == (401, 16)
            assert answer_headers["WWW-Authenticate"].startswith("Bearer")
            metadata = [(name.lower(), value) for name, value in headers.items()]
            assert refused(served, TRACES, b"", metadata=metadata).code() is grpc.StatusCode.UNAUTHENTICATED
        assert served.post("/v1/traces", run_request(), Authorization="bearer second")[0] == 200
        assert call(served, TRACES, run_request(), metadata=[("authorization", "Bearer first")]) == b""
        assert len(served.journal.rows) == 2


def test_row_18_connections_are_limited():
    with serving(receive(max_connections=2)) as served:
        held = [socket.create_connection(served.http_address, timeout=20) for _ in range(2)]
        for connection in held:
            connection.sendall(request_head("Content-Length: 0"))
            assert read_answer(connection)[0].startswith(b"HTTP/1.1 200 ")
        status, headers, _ = served.post("/v1/traces", b"")
        assert (status, headers["Retry-After"]) == (503, "5")
        for connection in held:
            connection.close()
        for _ in range(100):
            if served.post("/v1/traces", b"")[0] == 200:
                break
            time.sleep(0.05)
        else:
            pytest.fail("the connections that ended still count")


def request_head(*headers: str, path: str = "/v1/traces") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Type: {PROTOBUF}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def exchange(served: Served, sent: bytes) -> tuple[bytes, bytes]:
    return exchange_at(served.http_address, sent)


def exchange_at(address: tuple[str, int], sent: bytes) -> tuple[bytes, bytes]:
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(sent)
        return read_answer(connection, has_body=not sent.startswith(b"HEAD"))


def read_answer(connection: socket.socket, has_body: bool = True) -> tuple[bytes, bytes]:
    """Head and body of one response; reads no byte of the next one."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, f"the connection ended after {head!r}"
        head += byte
    length = int(head.lower().partition(b"content-length:")[2].split()[0]) if has_body else 0
    body = b""
    while len(body) < length and (piece := connection.recv(length - len(body))):
        body += piece
    return head, body
