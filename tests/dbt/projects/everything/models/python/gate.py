"""Waits for a file, so that a test can look at a model that is still running."""

import pathlib
import time


def model(dbt, session):
    dbt.config(materialized="table")
    file = pathlib.Path(dbt.config.get("file"))
    while not file.exists():
        time.sleep(0.02)
    return dbt.ref("stg_orders").project("order_id")
