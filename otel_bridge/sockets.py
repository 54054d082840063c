"""What doors and senders ask of the kernel and of OpenSSL."""

import socket
from typing import Any


def throw_away_unread(listening: Any, after_s: float) -> None:
    """Answers that a client does not take for so long are thrown away, with its connection.

    Otherwise the kernel would keep megabytes of them for minutes after we closed it. For what is accepted from a
    listening socket from now on; only Linux has it.
    """
    if option := getattr(socket, "TCP_USER_TIMEOUT", None):
        listening.setsockopt(socket.IPPROTO_TCP, option, round(after_s * 1000))


def no_password() -> str:
    """For `load_cert_chain`, which would ask the terminal for one, and wait."""
    raise ValueError("the private key has a password; store it without one, readable by the bridge alone")
