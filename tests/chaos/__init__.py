"""`make chaos`: customers buy while faults happen, from a seed; then everything must be as if nothing had happened.

| module | what it is |
| --- | --- |
| `plan` | which fault happens when: made from a seed, replayable |
| `layout`, `network` | the system under attack: two instances of each service, a TCP proxy between each pair of parts |
| `faults` | makes one fault happen, and ends it |
| `disk`, `clocks` | the file system that can be full, the clocks that can be wrong |
| `convergence` | how long it takes after a fault until the system is whole again |
| `customers` | who buys, cancels, retries, refunds; every request and answer goes to `record` |
| `checker` | what must hold of the record and of the stores once all faults are over |
| `run`, `report`, `shrink` | one run; its report; the shortest plan that still fails |

It starts its own stack under `.local/chaos`, and stops it.
"""
