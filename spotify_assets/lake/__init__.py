"""Delta tables, their commits, and their maintenance."""
