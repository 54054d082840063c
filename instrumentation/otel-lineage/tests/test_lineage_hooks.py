"""Hooks for instrumentations of others."""

import pytest
from opentelemetry.sdk.trace import TracerProvider

from otel_lineage.hooks import s3_objects


def told(service, operation, parameters):
    with TracerProvider().get_tracer("test").start_as_current_span("call") as span:
        s3_objects(span, service, operation, parameters)
        return dict(span.attributes)


@pytest.mark.parametrize(
    ("parameters", "attributes"),
    [
        ({"Bucket": "lake", "Key": "a.csv"}, {"aws.s3.bucket": "lake", "aws.s3.key": "a.csv"}),
        ({"Bucket": "lake"}, {"aws.s3.bucket": "lake"}),
        (
            {"Bucket": "lake", "Key": "b", "CopySource": {"Bucket": "other", "Key": "a/b"}},
            {"aws.s3.bucket": "lake", "aws.s3.key": "b", "aws.s3.copy_source": "other/a/b"},
        ),
        ({"Bucket": "lake", "CopySource": "other/a"}, {"aws.s3.bucket": "lake", "aws.s3.copy_source": "other/a"}),
        ({"Bucket": None, "Key": 3}, {}),
        (None, {}),
    ],
)  # fmt: skip
def test_objects_of_s3(parameters, attributes):
    assert told("s3", "PutObject", parameters) == attributes


def test_other_services_are_left_alone():
    assert told("sqs", "SendMessage", {"Bucket": "lake"}) == {}
