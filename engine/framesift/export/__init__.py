"""Selections → pictures of the chosen frames, in the layout that a labelling tool expects."""
