"""Charts in Dagster's metadata: pictures inside Markdown, which need no network."""

import base64
from typing import Any

SCALE = 1.5


def inline_png(chart: Any, alternative: str) -> str:
    """Markdown with a picture of an Altair chart.

    Args:
        chart: The chart.
        alternative: What it shows, for those who don't see it.
    """
    import vl_convert

    picture = vl_convert.vegalite_to_png(chart.to_dict(), scale=SCALE)
    return f"![{alternative}](data:image/png;base64,{base64.b64encode(picture).decode()})"
