"""The dialect of Dagster."""
