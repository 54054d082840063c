"""What Pipes starts: a program that knows Dagster's context, and marks what it does as a lineage run."""

from dagster_pipes import open_dagster_pipes
from otel_lineage import lineage_run


def main() -> None:
    """Log, and tell a run of its own."""
    with open_dagster_pipes() as pipes:
        pipes.log.info("outside of Dagster")
        with lineage_run("outside.load") as run:
            run.add_output("postgres://db:5432", "shop.public.outside")


if __name__ == "__main__":
    main()
