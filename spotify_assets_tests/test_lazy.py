import subprocess
import sys

import pytest

from spotify_assets.lazy import lazy_module


def test_a_module_loads_when_an_attribute_is_read():
    code = """
import sys
from spotify_assets.lazy import lazy_module
colorsys = lazy_module("colorsys")
before = "colorsys" in sys.modules
print(before, colorsys.rgb_to_hsv(0, 0, 1)[2], "colorsys" in sys.modules)
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False 1 True\n"


def test_it_has_what_the_module_has():
    import json

    json_later = lazy_module("json")
    assert json_later.loads is json.loads
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = json_later.nothing
