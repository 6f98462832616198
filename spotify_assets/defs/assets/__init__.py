"""Thin declarations that bind a transform to its inputs and its table, by layer."""
