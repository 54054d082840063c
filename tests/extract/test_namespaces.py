"""Job namespaces by template."""

import pytest

from otel_bridge.model import JobRef, Resource, Span
from otel_bridge.namespaces import JobNamespace, Namespaces
from otel_bridge.settings import Namespace


def test_the_first_source_that_has_a_value_counts():
    names = Namespaces(Namespace())
    resource = {"deployment.environment": "prod", "service.namespace": " ", "service.name": "shop"}
    assert names.of(Resource(resource)) == JobNamespace("floe.prod.shop")
    assert names.of(Resource(resource | {"floe.domain": "sales"})) == JobNamespace("floe.prod.sales")


def test_defaults_fill_the_rest():
    assert Namespaces(Namespace()).of(Resource()) == JobNamespace("floe.dev.default")


def test_other_attributes_make_no_difference():
    names = Namespaces(Namespace())
    resources = [Resource({"service.name": "shop", "process.pid": pid, "a": [pid]}) for pid in range(3)]
    assert {names.of(r).value for r in resources} == {"floe.dev.shop"}


def test_values_that_are_no_text():
    names = Namespaces(Namespace(template="t{n}", sources={"n": ("n",)}, defaults={}))
    assert names.of(Resource({"n": 7})).value == "t7"


def test_a_name_without_value_is_filled_in_and_reported():
    names = Namespaces(Namespace(template="acme.{team}", sources={"team": ("acme.team",)}, defaults={}))
    value, warning = names.of(Resource())
    assert value == "acme.unknown"
    assert "{team}" in warning
    assert "namespace.defaults" in warning


def test_a_constant_template():
    assert Namespaces(Namespace(template="airflow")).of(Resource()).value == "airflow"


def test_a_namespace_that_breaks_the_pattern_is_used_all_the_same():
    names = Namespaces(Namespace(pattern=r"floe\.[a-z]+\.[a-z]+"))
    assert names.given("floe.prod.sales") == JobNamespace("floe.prod.sales")
    value, warning = names.given("Sales")
    assert value == "Sales"
    assert "does not match namespace.pattern" in warning
    assert names.of(Resource({"service.name": "S"})).warning


def test_the_span_s_own_namespace_wins_and_a_warning_becomes_an_omission():
    from otel_bridge.extract import extract

    attributes = {"openlineage.job.name": "load", "openlineage.job.namespace": "Sales"}
    (run,) = extract(Span("a" * 32, "b" * 16, attributes=attributes), Namespaces(Namespace(pattern="[a-z]+")))
    assert run.job == JobRef("Sales", "load")
    assert [o.path for o in run.omissions] == ["openlineage.job.namespace"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"template": "floe.{enviroment}"}, "known are domain, environment"),
        ({"template": "floe.{"}, "can't be read"),
        ({"template": "floe.{}"}, "no entry in namespace.sources"),
        ({"template": "floe.{domain:>9}"}, "formats a name"),
        ({"template": "floe.{domain!r}"}, "formats a name"),
        ({"template": " "}, "is empty"),
        ({"pattern": "("}, "no regular expression"),
    ],
)
def test_what_can_t_work_is_refused_at_once(wrong, says):
    with pytest.raises(ValueError, match="namespace") as refused:
        Namespaces(Namespace(**wrong))
    assert says in str(refused.value)
