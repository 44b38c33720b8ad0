"""Programs that are killed at every stage of writing, and what is there when one opens again."""
