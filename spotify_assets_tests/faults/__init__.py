"""Fault injection: breaks a small lake at random, repeats the command, and compares every table with a rebuild."""
