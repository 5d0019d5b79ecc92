"""`make mutants`: the general checker of `tests/chaos` can fail. Each known mistake, put into the product, is caught.

| module | what it is |
| --- | --- |
| `catalogue` | the mutations: a textual replacement each, and the run that has to catch it |
| `scratch` | a copy of the services' source, with one mutation or none |
| `campaign` | runs the system from that copy, and has the general checker judge |
| `report` | `docs/mutants.md` |

The checkout itself is never changed. The checker knows nothing of mutations: it is the one of `make chaos`.
"""
