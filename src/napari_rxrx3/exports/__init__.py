"""What leaves for other tools: crops to learn from, maps, plates."""
