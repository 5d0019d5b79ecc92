"""`argosy`: what an operator types. `app.py` lists the commands; each group is a module of its own.

| module | meaning |
| --- | --- |
| `app` | the commands, put together |
| `environment` | whose settings a command uses: the process's own (in a pod), else the running laptop stack's |
| `laptop` | where the laptop's stack keeps them; the only module that knows `local` |
| `output` | tables for people, JSON for programs |
| `redaction` | messages without what the contract marks as `debug_redact` |
| `audit` | who did what, on stderr |
| `databases` | a service's PostgreSQL, for as long as a command takes |
| `dlq`, `letters` | `argosy dlq`: messages that could not be handled |
| `new` | `argosy new`, `argosy remove`: code of this checkout; the only module that knows `scaffold` |
| `services` | commands about one service, a folder each: `keys`, `mail`, `orders`, `payments`, `staff` |
| `story` | `argosy story`: one timeline of an order |
| `top`, `figures` | `argosy top`: every service at a glance |
| `topics` | what lies on a topic, read without a group |
| `tail` | `argosy tail TOPIC` |
| `trace`, `spans` | `argosy trace ORDER_ID`: a purchase as a tree |
"""
