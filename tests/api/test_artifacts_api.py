"""Artifacts of dbt through the API: passed on to the receiving process, and its answers back."""

import gzip
import json
from pathlib import Path

from tests.api.test_intake import KEYS, LIMIT, api, error, post, served, started
from tests.dbt import recordings
from tests.receive.serving import Served, receive

PATH = "/api/v1/dbt/artifacts"
RESULTS = (recordings.target("build") / "run_results.json").read_bytes()
TAKEN = {"invocation_id": recordings.invocation_id("build"), "kind": "run_results", "nodes": 37}
__all__ = ["api", "served"]


def test_plain_and_compressed(api, served: Served) -> None:
    status, headers, body = post(api, RESULTS, PATH)
    assert (status, headers["Content-Type"], json.loads(body)) == (201, "application/json", TAKEN)
    assert post(api, gzip.compress(RESULTS), PATH, Content_Encoding="gzip")[0] == 201
    assert len({row.key for row in served.journal.rows}) == 1


def test_what_is_none_says_what_to_do(api, served: Served) -> None:
    for body in (b"{", b"[]", b"{}", RESULTS[:1000]):
        answer = post(api, body, PATH)
        assert answer[0] == 422
        assert "give " in error(answer)
    assert served.journal.rows == []


def test_too_large_names_the_command(api) -> None:
    answer = post(api, b" " * (LIMIT + 1), PATH)
    assert (answer[0], "`otel-bridge artifacts push`" in error(answer)) == (413, True)


def test_another_content_type(api) -> None:
    assert post(api, RESULTS, PATH, Content_Type="text/plain")[0] == 415


def test_it_needs_the_role_write(tmp_path: Path) -> None:
    with started(tmp_path, receive(), KEYS) as running:
        assert post(running, RESULTS, PATH)[0] == 401
        assert post(running, RESULTS, PATH, Authorization=f"Bearer {'g' * 32}")[0] == 403
        assert post(running, RESULTS, PATH, Authorization=f"Bearer {'s' * 32}")[0] == 503
