"""Skip types: what a block adds to the stream, and how."""
