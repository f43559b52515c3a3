"""What was chosen and how good it is, for people to look at."""
