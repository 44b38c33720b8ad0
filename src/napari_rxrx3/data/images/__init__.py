"""Images of wells: where they lie, and how they become arrays."""
