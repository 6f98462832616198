"""Assets by layer: each binds a transform to its input tables and its output table."""
