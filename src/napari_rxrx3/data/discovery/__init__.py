"""What lies at a path: its files, what each is, and what of it a data set is made of."""
