"""Frames on which a pose model seems to be wrong: scores of its predictions, flags, and the frames worth labelling."""
