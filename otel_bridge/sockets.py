"""What the doors ask of the kernel."""

import socket
from typing import Any


def throw_away_unread(listening: Any, after_s: float) -> None:
    """Answers that a client does not take for so long are thrown away, with its connection.

    Otherwise the kernel would keep megabytes of them for minutes after we closed it. For what is accepted from a
    listening socket from now on; only Linux has it.
    """
    if option := getattr(socket, "TCP_USER_TIMEOUT", None):
        listening.setsockopt(socket.IPPROTO_TCP, option, round(after_s * 1000))
