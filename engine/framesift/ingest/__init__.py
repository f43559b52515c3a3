"""Sources → rows of the store: the first pass over every input."""
