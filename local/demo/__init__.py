"""`make demo`: purchases on the running stack, told step by step.

`shop.py` calls it as a customer would, `story.py` tells.
"""
