"""Writes code in the style of this repository: a new service, a new rpc, a new event; and takes a service out again.

`argosy new` and `argosy remove` call it. What it writes are the templates under `templates/`, which read like the code
they make: Jinja puts in names and leaves out what a service does not need, ruff and buf then lay it out. Nothing here
runs in a cluster, and nothing here is imported by what does.

| module | meaning |
| --- | --- |
| `names` | the names of a service and of what it keeps, in every spelling that code needs |
| `contract` | what the contract already has: events, messages, ports |
| `templates` | renders a folder of templates |
| `edits` | puts lines into files that exist, at places that are found by their text |
| `service` | a new service |
| `rpc` | a new rpc of a service |
| `event` | a new event of a service, and a new consumer of another's |
| `removal` | takes a service out |
| `finish` | lays out what was written, derives what follows from it, lists what is left to decide |

It may import `facts` and the contract's reader in the chassis; code generation, ruff and buf are called as programs.
"""
