"""What the map of perturbations answers: lists, cards, comparisons."""
