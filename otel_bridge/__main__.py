"""`python -m otel_bridge` is `otel-bridge`."""

from otel_bridge.cli import main

main()
