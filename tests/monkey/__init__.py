"""A monkey at the window: random actions of a user, and what must hold whatever they are."""
