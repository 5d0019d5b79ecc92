"""Plain building blocks: values, errors, time, and waiting. No protobuf, no gRPC, no driver.

Use cases import this room (a domain only `money`). It imports nothing else of the chassis.

    errors          the exceptions that every service may raise
    money, currencies, ids, clock           values
    unit_of_work    one transaction, as use cases see it
    deadlines       how much time the current task has left
    in_flight       waits for the first call with the same idempotency key
    side_by_side    concurrent work with a limit
    shielded        work that goes on when its caller is cancelled
    cancellation    whether the current task was cancelled
    transient       which errors pass without a change
    backoff         how long to wait before the next attempt
    trace_context   the W3C trace of the current task
    crash_points    named places where tests kill the process
    logs, repeats   one JSON object a line; repeated lines are left out
"""
