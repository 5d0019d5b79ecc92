"""The five services, one package each, and the chassis they share."""

import os

# A fork of ours becomes another program at once. gRPC's handlers for other forks, which only log here, stay out; it
# reads this when it is imported.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
