"""On the PYTHONPATH of a bridge: defects that would tell secrets, in messages and in the local variables of frames.

Converting a job called `broken` fails with a secret in its words; so does delivering one called `shaky`, once. A
thread of the delivering process ends with an exception that holds a secret.
"""

import sys
import threading
from typing import Any

if sys.orig_argv[-2:-1] == ["convert"]:
    from otel_bridge.openlineage import EventBuilder

    build = EventBuilder.build

    def planted(self: EventBuilder, transition: Any) -> Any:
        event = build(self, transition)
        if event.job_name == "broken":
            raise ZeroDivisionError("can't reach postgres://etl:planted-url-password@db/shop")
        return event

    EventBuilder.build = planted  # type: ignore[method-assign]

if sys.orig_argv[-2:-1] == ["deliver"]:
    from otel_bridge.deliver.kinds.http import HttpSender

    send = HttpSender.send
    left = [1]

    async def failing(self: HttpSender, body: bytes, event: Any) -> Any:
        if event.job_name == "shaky" and left:
            left.clear()
            head = self._head.decode()
            threading.Thread(target=fall, args=(head,)).start()
            raise ValueError(f"can't send {head}")
        return await send(self, body, event)

    def fall(head: str) -> None:
        raise RuntimeError(head)

    HttpSender.send = failing  # type: ignore[method-assign]
