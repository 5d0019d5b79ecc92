"""What is observed while a page is open: parts, figures, bus, calls, and the story of the chosen order."""
