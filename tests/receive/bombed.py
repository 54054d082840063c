"""A process with doors that take 8 MiB at most; ends when its stdin does."""

import sys

from tests.receive.serving import receive, serving

with serving(receive(max_request=8 * 1024**2)) as served:
    sys.stdout.write(f"{served.doors.http} {served.doors.grpc}\n")
    sys.stdout.flush()
    sys.stdin.read()
