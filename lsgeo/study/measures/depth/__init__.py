"""Measures of what depth does to how a network learns, by how its layers are put together."""
