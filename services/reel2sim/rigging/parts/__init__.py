"""Parts: bodies that move, which of them are one, and what hangs on what."""
