"""Where a running bridge listens, left in its data directory for the command line and for tests."""

from pathlib import Path

import msgspec


class Endpoints(msgspec.Struct, frozen=True):
    """Where the running bridge listens, as `host:port`; "" for a door that is off."""

    grpc: str
    http: str
    api: str
    pid: int

    @staticmethod
    def file(data_dir: str) -> Path:
        """Where a running bridge writes them."""
        return Path(data_dir) / "endpoints.json"
