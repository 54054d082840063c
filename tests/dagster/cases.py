"""The runs of the project `everything` that are recorded and expected, by what they show."""

from tests.dagster.running import Order, run_id

PARTITION = Order.of_partition
CASES: dict[str, list[Order]] = {
    "shop": [Order("shop", 1), Order("look", 2)],
    "partitions": [
        PARTITION("daily", 3, "2026-11-02"),
        PARTITION("daily", 4, "2026-11-01...2026-11-14"),
        PARTITION("weekly", 5, "2026-11-01"),
        PARTITION("compare", 6, "2026-11-03"),
        Order(
            "regional",
            7,
            tags={
                "dagster/partition": "2026-11-02|eu",
                "dagster/partition/date": "2026-11-02",
                "dagster/partition/region": "eu",
            },
        ),
        PARTITION("managers_job", 8, "eu"),
        PARTITION("campaigns_job", 9, "xmas", add_partitions={"campaigns": ["xmas"]}),
        Order("everyone", 10),
    ],
    "lake": [Order("lake", 12)],
    "trouble": [Order("trouble", 13), Order("blocked", 14)],
    "ops": [
        Order("arithmetic", 15, tags={"team": "shop", "api_token": "t0p-s3cret"}),
        Order("through_pipes", 16),
    ],
    # in a process of its own: dagster-dbt keeps the DuckDB file open in the process that asked for row counts
    "models": [Order("models", 11, "spawn")],
}
"""In this order: later ones read what earlier ones wrote."""
ORDERS = [order for orders in CASES.values() for order in orders]


def roots(case: str) -> set[str]:
    """Ids of the Dagster runs of a case."""
    return {run_id(order.number) for order in CASES[case]}
