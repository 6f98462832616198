"""Call a function in a process of its own, so that what it imports and allocates is given back.

A long-lived process, as Dagster's code server, would keep it: 100 MB for opening each table of a lake once.
"""

import pickle
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import ParamSpec, TypeVar

# A process that has this is a large one already: a run, a command or a test.
LARGE = "pyarrow"
Given = ParamSpec("Given")
Returned = TypeVar("Returned")


class ApartError(Exception):
    """The function raised an error, which the message ends with, or its process was killed."""


def call_apart(function: Callable[Given, Returned], *args: Given.args, **kwargs: Given.kwargs) -> Returned:
    """Call a function of a module in a short process, or in this one if it is a large one already.

    Starting it and importing the package takes some 0.5 s. Arguments and result are pickled.

    Raises:
        ApartError: The function raised an error, in the short process.
    """
    if LARGE in sys.modules:
        return function(*args, **kwargs)
    given = pickle.dumps((function, args, kwargs))
    called = subprocess.run([sys.executable, "-m", __name__], input=given, capture_output=True, check=False)
    if called.returncode:
        lines = called.stderr.decode(errors="replace").strip().splitlines()
        raise ApartError(f"{function.__name__}: {lines[-1] if lines else f'ended with {called.returncode}'}")
    result: Returned = pickle.loads(called.stdout)
    return result


def main() -> None:
    function, args, kwargs = pickle.load(sys.stdin.buffer)
    with redirect_stdout(sys.stderr):
        result = function(*args, **kwargs)
    sys.stdout.buffer.write(pickle.dumps(result))


if __name__ == "__main__":
    main()
