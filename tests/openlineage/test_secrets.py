"""What is masked, and what must not be."""

# ruff: noqa: E501 - pairs are one line
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.openlineage.secrets import MASK, mask_entries, mask_named, mask_sql, mask_text, mask_url

SQL = [
    ("CREATE USER x IDENTIFIED BY 'pw'", "CREATE USER x IDENTIFIED BY '***'"),
    ("ALTER USER x IDENTIFIED WITH native BY 'p''w'", "ALTER USER x IDENTIFIED WITH native BY '***'"),
    ("CREATE SECRET s (TYPE S3, SECRET 'abc/d', REGION 'eu')", "CREATE SECRET s (TYPE S3, SECRET '***', REGION 'eu')"),
    ("KEY_ID 'AKIAIOSFODNN7EXAMPLE'", "KEY_ID '***'"),
    ("COPY t FROM 's3://b' CREDENTIALS 'a_id=x;aws_secret_access_key=yz'", "COPY t FROM 's3://b' CREDENTIALS 'a_id=x;aws_secret_access_key=***'"),
    ("SELECT * FROM dblink('host=h password=pw dbname=d', 'select 1')", "SELECT * FROM dblink('host=h password=*** dbname=d', 'select 1')"),
    ("ATTACH 'postgres://u:p@h/d' AS x", "ATTACH 'postgres://u:***@h/d' AS x"),
    ("""SELECT '{"password": "abc", "x": 1}'""", """SELECT '{"password": "***", "x": 1}'"""),
    ("WHERE surrogate_key = 'd41d8cd98f00b204e9800998ecf8427e'", "WHERE surrogate_key = '***'"),
    ("PASSWORD $$abc$$", "PASSWORD $$***$$"),
    ("CREDENTIALS=(AWS_SECRET_KEY='def')", "CREDENTIALS=(AWS_SECRET_KEY='***')"),
    ("SELECT {'password': 'x', 'b': 'y'}", "SELECT {'password': '***', 'b': 'y'}"),
    ("-- don't\nALTER USER x PASSWORD 'abc'", "-- don't\nALTER USER x PASSWORD '***'"),
    ("SELECT \"it's\" FROM t WHERE pwd = E'abc'", "SELECT \"it's\" FROM t WHERE pwd = E'***'"),
    ("SET token = 'abc", "SET token = '***'"),
    ("-- password=abc", "-- password=***"),
    ("SELECT 'ghp_abcdefghijklmnopqrstuvwxyz0123456789'", "SELECT '***'"),
]  # fmt: skip

ORDINARY = [
    "SELECT * FROM orders WHERE state = 'open' AND customer_key = 'C-1'",
    "SELECT password, token FROM users WHERE users.password = other.password",
    "SELECT 'password' AS kind, 'x' AS value",
    "WHERE token_type = 'bearer' AND order_hash = 'd41d8cd98f00b204e9800998ecf8427e'",
    "COMMENT ON COLUMN users.password IS 'The password'",
    "WHERE password = ''",
    "SELECT * FROM 's3://bucket/path/file.parquet'",
    "SELECT 'it''s', E'\\'', \"a'b\" /* isn't */",
]


@pytest.mark.parametrize(("sql", "expected"), SQL, ids=range(len(SQL)))
def test_secrets_in_sql(sql: str, expected: str) -> None:
    assert mask_sql(sql) == expected
    assert mask_sql(expected) == expected


@pytest.mark.parametrize("sql", ORDINARY, ids=range(len(ORDINARY)))
def test_ordinary_literals_stay(sql: str) -> None:
    assert mask_sql(sql) == sql


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abcdefghijklmnopqrstuv", "Authorization: Bearer ***"),
        ("can't connect, password='x y', token: abc", "can't connect, password='***', token: ***"),
        ("{'password': 'abc', \"token\": \"x\"}", "{'password': '***', \"token\": \"***\"}"),
        ("ALTER USER x PASSWORD 'abc'", "ALTER USER x PASSWORD '***'"),
        ("connect(password='cut off...", "connect(password='***'"),
        ("KeyError: 'token'", "KeyError: 'token'"),
        ("unexpected token 'SELECT' near line 3", "unexpected token 'SELECT' near line 3"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", MASK),
    ],
    ids=range(8),
)
def test_secrets_in_messages(text: str, expected: str) -> None:
    assert mask_text(text) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://u:p@h:5432/d", "postgres://u:***@h:5432/d"),
        ("https://ghp_abcdefghijklmnopqrstuvwxyz0123456789@github.com/x", "https://***@github.com/x"),
        ("s3://bucket/a@b:c", "s3://bucket/a@b:c"),
    ],
)
def test_urls(url: str, expected: str) -> None:
    assert mask_url(url) == expected


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("DB_PASSWORD", True), ("PGPASS", True), ("AWS_SECRET_ACCESS_KEY", True), ("GITHUB_TOKEN", True), ("api-key", True),
        ("GITLAB_PAT", True), ("STAGE", False), ("PASSENGERS", False), ("PATH", False), ("PARTITION_KEY", False), ("AUTHOR", False),
    ],
)  # fmt: skip
def test_values_with_names(name: str, masked: bool) -> None:
    assert mask_named(name, "x") == (MASK if masked else "x")
    entries = [{"name": name, "value": "x"}, {"name": name, "value": 7}, {"value": "x"}, "x"]
    assert mask_entries(entries, "name") == [{"name": name, "value": MASK if masked else "x"}, *entries[1:]]


PIECES = st.sampled_from(
    ["'", '"', "''", "\\", "password", "=", " ", "key", "--", "\n", "/*", "*/", "$$", "identified by", "://", ":", "@", "a", "eyJ", "a" * 40]
)  # fmt: skip


@given(st.lists(PIECES, max_size=60).map("".join))
def test_anything_can_be_masked_twice(text: str) -> None:
    for mask in (mask_sql, mask_text, mask_url):
        mask(mask(text))


@given(
    st.from_regex(r"[a-zA-Z0-9]{6,20}", fullmatch=True).filter(
        lambda s: s.lower() not in "create user password"
    )
)
def test_no_password_survives(secret: str) -> None:
    assert secret not in mask_sql(f"CREATE USER u; ALTER USER u PASSWORD '{secret}'").removeprefix(
        "CREATE USER u;"
    )
    assert secret not in mask_text(f"postgres://u:{secret}@h")
