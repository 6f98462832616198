import json
import os
import subprocess
import sys

from spotify_assets.apart import call_apart

CALLING = """
import json, operator, os, sys
from spotify_assets.apart import ApartError, call_apart
told = [call_apart(os.getpid) == os.getpid(), call_apart(operator.mul, 6, 7), call_apart(print, "shown")]
try:
    call_apart(operator.truediv, 1, 0)
except ApartError as error:
    told.append(str(error))
import pyarrow
told.append(call_apart(os.getpid) == os.getpid())
print(json.dumps(told))
"""


def test_a_small_process_calls_in_another_one_and_a_large_one_in_itself():
    told = json.loads(subprocess.check_output([sys.executable, "-c", CALLING], text=True))
    assert told == [False, 42, None, "truediv: ZeroDivisionError: division by zero", True]


def test_here_pyarrow_is_imported():
    import pyarrow

    assert pyarrow.__name__ in sys.modules
    assert call_apart(os.getpid) == os.getpid()
