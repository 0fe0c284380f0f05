"""What holds for all tests."""

from __future__ import annotations

import os

# Some tests fork, beside others that have used gRPC in the same process: its handlers must not run in such a child.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
