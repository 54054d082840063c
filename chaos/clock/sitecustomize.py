"""The wall clock as Python reads it, shifted by the seconds in the file that CHAOS_CLOCK names.

A folder on PYTHONPATH, not a package. A library that shifts the clock below Python would also shift the absolute
deadlines that locks of C and C++ code wait for, which the kernel's own clock would not follow.
"""

import os
import time

FILE = os.environ.get("CHAOS_CLOCK", "")
_time_ns = time.time_ns


def _shifted_ns() -> int:
    with open(FILE, "rb") as file:
        return _time_ns() + int(file.read()) * 1_000_000_000


if FILE:
    time.time_ns = _shifted_ns
    time.time = lambda: _shifted_ns() / 1e9
