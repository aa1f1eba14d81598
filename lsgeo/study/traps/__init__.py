"""Traps: bad minima and plateaus that are built into a network."""
