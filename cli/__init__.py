"""`argosy`: the operator's command line. `app.py` lists the commands; each group is a module of its own.

| module | meaning |
| --- | --- |
 `app` | assembles the commands |
 `environment` | the settings of a command: from the process environment (in a pod) or from the running laptop stack |
 `laptop` | the settings of the laptop stack; the only module that imports `local` |
| `output` | tables for people, JSON for programs |
 `redaction` | messages without the fields that the contract marks `debug_redact` |
 `audit` | audit log on stderr |
 `databases` | connections to the stores of services |
 `dlq`, `letters` | `argosy dlq`: dead letters |
 `keys` | `argosy keys`: signing keys of user tokens |
| `mail` | `argosy mail`: mails that could not be sent |
 `orders` | `argosy orders rebuild`: compares the order lists with the event history |
 `top`, `figures` | `argosy top`: live metrics of every service |
 `topics` | reads a topic without a consumer group |
 `staff` | `argosy staff`: grants and revokes the role staff |
| `tail` | `argosy tail TOPIC` |
 `trace`, `spans` | `argosy trace ORDER_ID`: the trace of an order as a tree |
"""
