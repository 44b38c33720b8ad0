"""How alike some entries are, pair by pair."""
