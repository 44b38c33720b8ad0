"""Two maps side by side, and what a map knows of what is known."""
