"""Store → vectors: the rows of numbers that selection works on."""
