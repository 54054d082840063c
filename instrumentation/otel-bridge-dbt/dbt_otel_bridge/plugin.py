"""The plugin object that dbt makes once an invocation, before any node is parsed."""

from dbt.plugins.manager import dbtPlugin

from dbt_otel_bridge import settings


class OtelBridgePlugin(dbtPlugin):  # type: ignore[misc]  # dbt has no types
    """Installs the hooks, once a process. An exception in here would end dbt, so that none leaves it."""

    def initialize(self) -> None:
        """Called by dbt."""
        try:
            if settings.enabled():
                from dbt_otel_bridge import hooks

                hooks.install()
        except Exception:  # noqa: BLE001  dbt must not see our faults
            return


PLUGINS = [OtelBridgePlugin]
