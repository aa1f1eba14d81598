"""Races of learning rates: which are stable, which are fast."""
