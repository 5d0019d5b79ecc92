"""`argosy story`: one timeline of an order over all services.

`command` is the command line; `collect` queries the stores of the services; `log_lines` reads the laptop's logs; `draw`
prints. `services/<name>/adapters/story.py` is the part of each service.
"""
