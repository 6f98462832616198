"""Asset checks: those that follow from the model, and those that don't."""
