"""`argosy`: the operator's command line. `app.py` lists the commands; each group is a module of its own.

| module | meaning |
| --- | --- |
| `app` | assembles the commands |
| `environment` | the settings of a command: from the process environment (in a pod) or from the running laptop stack |
| `laptop` | the settings of the laptop stack; the only module that imports `local` |
| `output` | tables for people, JSON for programs |
| `redaction` | messages without the fields that the contract marks `debug_redact` |
| `audit` | audit log on stderr |
| `databases` | connections to the stores of services |
| `dlq`, `letters` | `argosy dlq`: dead letters |
| `top`, `figures` | `argosy top`: live metrics of every service |
| `topics` | reads a topic without a consumer group |
| `new` | `argosy new`, `argosy remove`: code of this checkout; the only module that knows `scaffold` |
| `services` | commands about one service, a folder each: `keys`, `mail`, `orders`, `payments`, `staff` |
| `story` | `argosy story`: one timeline of an order |
| `tail` | `argosy tail TOPIC` |
| `trace`, `spans` | `argosy trace ORDER_ID`: the trace of an order as a tree |
"""
