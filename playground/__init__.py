"""The system at work: a page on the laptop that shows the running stack, and lets a person break it and see it hold.

It is a part of the laptop's stack (`make up`), listens on loopback only, and is in no image and no manifest. It reads
what the operator's commands (`cli`) and the supervisor (`local`) read; nothing imports it.

Start reading at `__main__.py` (wiring) → `server.py` (routes) → `stream.py` (what an open page receives) → `watching/`
(what is observed while a page is open) → `acts/` (what the buttons do) → `page/` (the page itself: no build step).
"""
