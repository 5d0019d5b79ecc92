"""gRPC: the contract's policies, the pipeline of each call, identity, and calls to other services.

Imports every other room.

    contract, policy    what the contract says about each rpc
    pipeline        the steps around every handler, one file each
    call            what a handler knows about its call
    statuses        exceptions → gRPC statuses
    server, reflection  the gRPC port; describes public services only
    user_tokens, jwks, service_tokens   who calls
    revocations     sessions that ended early
    client, refusals, circuit_breaker   calls to other services and parties
    streams, time_limits    open streams; one timer for many deadlines
    timestamps      datetimes ↔ protobuf timestamps
"""
