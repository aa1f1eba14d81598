"""Figures of what a study answers: its laws."""
