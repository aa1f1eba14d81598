"""Measures of the loss around a network."""
