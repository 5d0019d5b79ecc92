"""`make demo`: purchases on the running stack, told step by step.

`watch.py` follows an order live, `shop.py` calls it as a customer would, `story.py` tells.
"""
