"""`make chaos`: customers buy while faults happen, from a seed; then everything must be as if nothing had happened.

| module | what it is |
| --- | --- |
| `plan` | which fault happens when: made from a seed, replayable |
| `layout`, `network` | the system under attack: two instances of each service, a TCP proxy between each pair of parts |
| `faults` | makes one fault happen, and ends it |
| `disk`, `clocks` | the file system that can be full, the clocks that can be wrong |
| `convergence` | how long it takes after a fault until the system is whole again |
| `people` | `customers`, `staff` and the `dashboard` at Stripe; every request and answer goes to `record` |
| `checker` | what must hold in the end: `record_rules`; `store_rules` on `stores`; `rest`; `breakers`; `alerts` |
| `run`, `shrink` | one run; the shortest plan that still fails |
| `report` | what a run did and found, with `plots` |

It starts its own stack under `.local/chaos`, and stops it.
"""
