"""What can't be meant is said when the configuration is read, all of it at once."""

import pytest
import yaml

from otel_bridge.config import load
from otel_bridge.model import ConfigError

A, B, C = ({"namespace": "s3://lake", "name": name} for name in "abc")


def problems(tmp_path, **identity):
    file = tmp_path / "bridge.yaml"
    file.write_text(yaml.safe_dump({"identity": identity}))
    try:
        load(file, environ={}, cwd=tmp_path)
    except ConfigError as error:
        return error.problems
    return []


def test_what_is_right_is_taken(tmp_path):
    rule = {"match": {"namespace": "s3a://(?P<b>.+)"}, "to": {"namespace": "s3://{b}"}}
    aliases = [{"canonical": A, "aliases": [B]}, {"canonical": C}]
    assert problems(tmp_path, aliases=aliases, rules=[rule], prefer=["s3"], keep="30d") == []


def test_groups_that_contradict_each_other(tmp_path):
    aliases = [
        {"canonical": A, "aliases": [B]},
        {"canonical": A},
        {"canonical": B},
        {"canonical": C, "aliases": [B]},
    ]
    found = problems(tmp_path, aliases=aliases)
    assert len(found) == 3
    assert "`s3://lake` `a` is canonical 2 times" in found[0]
    assert "`s3://lake` `b` is an alias 2 times" in found[1]
    assert "is an alias, and canonical elsewhere" in found[2]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"match": {"namespace": "("}, "to": {"name": "x"}}, r"match.namespace is no regular expression"),
        ({"match": {"namespace": "x"}, "to": {}}, "gives neither a namespace nor a name"),
        ({"match": {"namespace": "(?P<a>x)"}, "to": {"name": "{b}"}}, "uses {b}, but the named groups"),
        ({"match": {"namespace": "x"}, "to": {"name": "{"}}, "can't be read"),
        ({"match": {"namespace": "x"}, "to": {"name": ""}}, "is empty"),
    ],
)
def test_rules_that_can_not_work(tmp_path, rule, said):
    (line,) = problems(tmp_path, rules=[rule])
    assert line.startswith("identity.rules[0]: ")
    assert said in line


def test_what_else_can_not_be_meant(tmp_path):
    nameless = [{"canonical": {"namespace": "s3://lake", "name": " "}}]
    found = problems(tmp_path, aliases=nameless, prefer=["s3://"], keep="0s")
    assert sorted(line.split(":")[0] for line in found) == [
        "identity.aliases",
        "identity.keep",
        "identity.prefer",
    ]
