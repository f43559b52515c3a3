"""Predictions and labels as people look at them: labelled videos and pictures, and plots of trajectories."""
