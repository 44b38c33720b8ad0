"""The report of a perturbation on one page: what it says, and how it is drawn and written."""
