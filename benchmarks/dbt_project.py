"""A dbt project of any size: seeds, staging views, marts that join and aggregate them, and tests, on DuckDB."""

from pathlib import Path

SEEDS = 4
PER_STAGE = 6
"""Models of a stage: each third one is a table that joins two models of the stage before."""
TESTS_PER_MODEL = 2

PROJECT = """\
name: generated
version: "1.0"
profile: generated
flags: {send_anonymous_usage_stats: false}
models:
  generated: {+materialized: view}
"""
PROFILE = """\
generated:
  target: dev
  outputs:
    dev: {type: duckdb, path: generated.duckdb, schema: lake, threads: 4}
"""
STAGING = """\
with source as (
    select * from {{{{ ref('{parent}') }}}}
),

renamed as (
    select
        id,
        customer_id,
        lower(status) as status,
        cast(ordered_on as date) as ordered_on,
        {factor} * amount_cents / 100.0 as amount,
        note
    from source
)

select * from renamed
"""
VIEW = """\
with upstream as (
    select * from {{{{ ref('{parent}') }}}}
)

select id, customer_id, status, ordered_on, amount * {factor} as amount, coalesce(note, 'none') as note
from upstream
where status <> 'void'
"""
TABLE = """\
{{{{ config(materialized='table') }}}}
with orders as (
    select * from {{{{ ref('{parent}') }}}}
),

totals as (
    select customer_id, count(*) as orders, sum({factor} * amount) as spent
    from {{{{ ref('{other}') }}}}
    group by customer_id
)

select
    orders.*,
    totals.orders,
    case when totals.spent > 100 then 'large' else 'small' end as size,
    row_number() over (partition by orders.customer_id order by orders.ordered_on) as nth
from orders
left join totals on totals.customer_id = orders.customer_id
"""


def write(folder: Path, nodes: int, factor: int = 1) -> int:
    """Lay a project of about that many nodes down; how many of them are models. Another factor, other statements."""
    models = max(2, (nodes - SEEDS) // (1 + TESTS_PER_MODEL))
    for part in ("models", "seeds"):
        (folder / part).mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(PROJECT)
    (folder / "profiles.yml").write_text(PROFILE)
    for seed in range(SEEDS):
        (folder / f"seeds/raw_{seed}.csv").write_text(_rows(seed))
    for number in range(models):
        (folder / f"models/{_name(number)}.sql").write_text(_sql(number, factor))
    tested = "".join(_tests(number) for number in range(models))
    (folder / "models/models.yml").write_text(f"version: 2\nmodels:\n{tested}")
    return models


def _rows(seed: int) -> str:
    lines = [
        f"{n},{n % 7},{'open' if n % 5 else 'VOID'},2026-11-{1 + n % 28:02},{n * 37 % 999 + seed},note {n}"
        for n in range(50)
    ]
    return "\n".join(["id,customer_id,status,ordered_on,amount_cents,note", *lines]) + "\n"


def _name(number: int) -> str:
    return f"model_{number:04}"


def _sql(number: int, factor: int) -> str:
    if number < PER_STAGE:
        return STAGING.format(parent=f"raw_{number % SEEDS}", factor=factor)
    parent, other = number - PER_STAGE, number - PER_STAGE - number % PER_STAGE
    template = TABLE if number % 3 == 0 else VIEW
    return template.format(parent=_plain(parent), other=_plain(other), factor=factor)


def _plain(number: int) -> str:
    """The model, or the nearest before it that has the columns of a view."""
    while number >= PER_STAGE and number % 3 == 0:
        number -= PER_STAGE
    return _name(max(number, 0))


def _tests(number: int) -> str:
    return (
        f"  - name: {_name(number)}\n    columns:\n"
        f"      - {{name: id, data_tests: [not_null]}}\n"
        f"      - {{name: status, data_tests: [{{accepted_values: {{values: [open, void]}}}}]}}\n"
    )
