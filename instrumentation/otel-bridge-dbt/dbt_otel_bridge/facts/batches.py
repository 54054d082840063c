"""One batch of a microbatch model."""

from typing import Any

from .values import compact, part, plain, text


def batch(runner: Any) -> dict[str, Any]:
    """The map of `dbt.batch`, nothing for a runner of a whole node."""
    index, batches = part(runner, "batch_idx"), part(runner, "batches")
    if not isinstance(index, int) or not batches:
        return {}
    start, end = batches[index]
    context = part(part(runner, "node"), "batch")
    return compact(
        {
            "id": text(part(context, "id")),
            "index": index,
            "count": len(batches),
            "start": plain(start),
            "end": plain(end),
        }
    )
