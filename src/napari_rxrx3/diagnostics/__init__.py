"""What somebody has to know who is to find out why it does not work; without Qt."""
