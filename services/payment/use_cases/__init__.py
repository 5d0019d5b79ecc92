"""What payment does, one use case a file: a command, its handler, and the errors that it raises.

Steps that several use cases have in common stand in files of their own: `settle_payment`, `settle_refund` (ask the
provider), `record_charge`, `record_refund`, `record_dispute`, `give_back` (write what it answered), `first_answers`.

Use cases import the domain, the ports and the chassis' plain modules. They know no protobuf, gRPC, SQL or driver, and
no payment provider by name.
"""
