"""Recipes of training: optimisers, schedules, penalties, published ones."""
