"""Contrasts: how the rows of a study become one number for each seed."""
