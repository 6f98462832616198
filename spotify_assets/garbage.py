"""Python's garbage collection in processes that build many queries."""

import gc

# After so many new objects Python looks for unused ones. Its default, 700, takes 4% of a small sync: building queries
# makes many objects, nearly all of them in use.
THRESHOLD = 50_000


def collect_rarely() -> None:
    """Look for unused objects less often, unless this process does so yet more rarely."""
    gc.set_threshold(max(gc.get_threshold()[0], THRESHOLD))
