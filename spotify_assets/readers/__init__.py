"""Readers of landed files: any supported format, as Arrow tables of one record schema; see `history.read_history`."""
