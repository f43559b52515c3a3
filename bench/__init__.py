"""Benchmarks: framesift beside its peers, as ratios in one run. Not shipped."""
