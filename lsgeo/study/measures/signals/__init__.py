"""Measures of what goes on inside a network."""
