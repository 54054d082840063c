"""On the PYTHONPATH of a bridge: plants defects in its converting process, as long as the file $DEFECT exists.

No event can be built for a job called `broken`; a job called `fatal` takes the whole process down.
"""

import os
import sys
from pathlib import Path
from typing import Any

if sys.orig_argv[-2:-1] == ["convert"]:
    from otel_bridge.openlineage import EventBuilder

    build = EventBuilder.build

    def planted(self: EventBuilder, transition: Any) -> Any:
        event = build(self, transition)
        if Path(os.environ["DEFECT"]).exists():
            if event.job_name == "fatal":
                os._exit(70)
            if event.job_name == "broken":
                raise ZeroDivisionError("planted \ud800")
        return event

    EventBuilder.build = planted  # type: ignore[method-assign]
