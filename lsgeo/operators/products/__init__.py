"""How a product with a curvature is made: modes, batches, examples."""
