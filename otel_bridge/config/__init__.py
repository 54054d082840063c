"""The user's configuration: one YAML file, environment and flags become `settings.Settings`.

Owns reading, merging, checking (all problems at once) and explaining; pydantic is imported here only.
"""

from otel_bridge.config.describe import example, json_schema
from otel_bridge.config.load import default_data_dir, load

__all__ = ["default_data_dir", "example", "json_schema", "load"]
