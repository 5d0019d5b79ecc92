"""`argosy story`: one timeline of an order over all services.

`command` is what an operator types; `collect` asks the services' stores; `log_lines` reads the laptop's logs; `draw`
prints. What each service tells is in `services/<name>/story.py`.
"""
