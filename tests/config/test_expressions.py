"""Regular expressions of users: no text that a producer sends keeps a process busy."""

import re

import pytest

from otel_bridge.settings import Expression


@pytest.mark.parametrize("source", ["(a+)+!", "(a|a)*!", "(.*)*!", "(.*)(.*)(.*)(.*)(.*)!", "(a?){500}!"])
def test_every_expression_is_quick_whatever_the_text(source):
    """Python's own would take longer than the machine lives."""
    assert not Expression(source).fits("a" * 5000)


def test_groups_of_the_whole_text():
    one = Expression(r"postgres://(?P<host>[^:]+)(?P<port>:\d+)?")
    assert one.groups == {"host", "port"}
    assert one.groups_of("postgres://dü") == {"host": "dü", "port": ""}
    assert one.groups_of("xpostgres://db") is one.groups_of("postgres://db:5432/") is None


def test_text_that_is_not_unicode_fits_nothing():
    assert not Expression(".*").fits("\ud800")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("(", "missing )"),
        ("(?!a)b", "looking ahead or behind is not part of RE2's syntax"),
        ("\ud800", "not Unicode"),
        ("(?:(?:a{1000}){1000}){1000}", "invalid repetition size"),
    ],
)
def test_what_is_no_expression_is_told(capfd, source, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        Expression(source)
    assert capfd.readouterr().err == ""
