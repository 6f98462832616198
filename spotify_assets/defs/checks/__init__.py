"""Asset checks: derived from the model (`model_checks`), and written by hand."""
