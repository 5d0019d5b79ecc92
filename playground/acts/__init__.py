"""What the buttons do: buy, break, undo, and count."""
