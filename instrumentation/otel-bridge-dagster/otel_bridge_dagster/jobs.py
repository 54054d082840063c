"""Names of the jobs that runs, steps and assets belong to."""


def run_name(location: str | None, job: str) -> str:
    """Of a run.

    >>> run_name("shop", "nightly"), run_name(None, "nightly")
    ('shop.nightly', 'nightly')
    """
    return _joined(location, job)


def step_name(location: str | None, job: str, step_key: str) -> str:
    """Of a step: all that a dynamic step is mapped to are one job.

    >>> step_name("shop", "nightly", "load[2026-01-01].clean"), step_name(None, "nightly", "load[?]")
    ('shop.nightly.load.clean', 'nightly.load')
    """
    return _joined(location, job, _without_mapping(step_key))


def asset_name(location: str | None, asset: str) -> str:
    """Of an asset, whatever Dagster job makes it.

    >>> asset_name("shop", "raw/orders")
    'shop.raw/orders'
    """
    return _joined(location, asset)


def _joined(*parts: str | None) -> str:
    return ".".join(filter(None, parts))


def _without_mapping(step_key: str) -> str:
    name, bracket, rest = step_key.partition("[")
    if not bracket:
        return name
    return name + rest.partition("]")[2]
