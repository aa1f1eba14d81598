"""Figures of a loss around networks and between them."""
