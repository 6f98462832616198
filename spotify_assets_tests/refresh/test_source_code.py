"""What a closure holds, by small packages."""

import gc
from textwrap import dedent

import pytest

from spotify_assets.refresh.source_code import SourceCode, gc_disabled
from spotify_assets.refresh.syntax import stable_repr

READERS = "spotify_assets.readers"


@pytest.fixture
def source(tmp_path):
    """A package of these modules below `readers`."""

    def write(settings: str = "class Settings: ...", **modules: str) -> SourceCode:
        folder = tmp_path / "spotify_assets"
        (folder / "readers").mkdir(parents=True)
        (folder / "__init__.py").touch()
        (folder / "settings.py").write_text(dedent(settings))
        for name, text in {"__init__": "", **modules}.items():
            (folder / "readers" / f"{name}.py").write_text(dedent(text))
        return SourceCode(folder)

    return write


def names(code: SourceCode, root: str = "start", module: str = "one") -> set[str]:
    """What `start` depends on, itself left out."""
    found = code.closure([(f"{READERS}.{module}", root)]).definitions
    return {name for _, name in found} - {root}


@pytest.mark.parametrize(
    "source_of_one",
    [
        "def start(): return [helper(x) for x in ()]",
        "def start(f=helper): return f()",
        "@helper\ndef start(): ...",
        "class start(helper): ...",
        "start = {'a': helper}",
        "class start:\n    def method(self):\n        return helper",
        "def start():\n    def inner():\n        return helper()\n    return inner",
        "def start(): return lambda: helper",
        "def start(): return [helper for helper in helper]",
        "start = []\nstart.append(helper)",
        "if True:\n    start = helper\nelse:\n    start = None",
        "if True:\n    def start(): return helper",
        "(start,) = [helper]",
        "start = {}\nstart['a'] = helper",
        "start: object = helper",
        "class start:\n    field: object = helper",
        "class start:\n    helper = 1\n    def method(self): return helper",
        "def start():\n    class Box:\n        helper = 1\n    return helper",
        "def start():\n    global helper\n    helper = helper",
        "def start(): return [(lambda helper: 1), helper]",
        "def start(): return [[helper for helper in ()], helper]",
        "async def start(): return helper",
    ],
)
def test_a_name_is_followed(source, source_of_one):
    assert names(source(one=f"def helper(): ...\n{source_of_one}")) == {"helper"}


@pytest.mark.parametrize(
    "source_of_one",
    [
        "def start(helper): return helper",
        "def start(helper, /): return helper",
        "def start(*, helper): return helper",
        "def start(*helper): return helper",
        "def start(**helper): return helper",
        "def start():\n    helper = 1\n    return helper",
        "def start():\n    for helper in (): pass\n    return helper",
        "def start():\n    for a, (b, *helper) in (): pass\n    return helper",
        "def start():\n    a, [b, helper] = 1, (2, 3)\n    return helper",
        "def start():\n    helper: int = 1\n    return helper",
        "def start():\n    helper += 1",
        "def start():\n    if True: pass\n    else: helper = 1\n    return helper",
        "def start():\n    try: pass\n    finally: helper = 1\n    return helper",
        "def start():\n    import helper\n    return helper",
        "def start():\n    def helper(): ...\n    return helper",
        "def start():\n    class helper: ...\n    return helper",
        "class start:\n    helper = 1\n    other = helper",
        "def start(): return [helper for helper in ()]",
        "def start(): return [helper for a in () for helper in a if helper]",
        "def start(): return [lambda: helper for helper in ()]",
        "def start(helper):\n    def inner(): return helper",
        "def start(): return {helper: 1 for helper in ()}",
        "def start(): return lambda helper: helper",
        "def start():\n    with open('') as helper:\n        return helper",
        "async def start():\n    async with open('') as helper:\n        return helper",
        "def start():\n    try: pass\n    except OSError as helper: return helper",
        "def start(x):\n    match x:\n        case [helper]: return helper",
        "def start(x):\n    match x:\n        case [_, *helper]: return helper",
        "def start(x):\n    match x:\n        case {'a': 1, **helper}: return helper",
        "def start():\n    if helper := 1:\n        return helper",
        "def start(x): return x.helper",
        "def start() -> helper: ...",
    ],
)
def test_a_local_name_an_attribute_and_an_annotation_are_not(source, source_of_one):
    assert names(source(one=f"def helper(): ...\n{source_of_one}")) == set()


@pytest.mark.parametrize(
    "text", ["start = helper", "start: object = helper", "def start(): return helper", "class start(helper): ..."]
)
def test_what_refers_to_a_definition_is_no_part_of_it(source, text):
    assert names(source(one=f"def helper(): ...\n{text}"), root="helper") == set()


@pytest.mark.parametrize(
    "text",
    [
        "from spotify_assets.readers.two import helper\ndef start(): helper()",
        "from spotify_assets.readers.two import helper as other\ndef start(): other()",
        "from spotify_assets.readers import two\ndef start(): two.helper()",
        "import spotify_assets.readers.two as other\ndef start(): other.helper()",
        "import spotify_assets.readers.two\ndef start(): spotify_assets.readers.two.helper()",
        "from .two import helper\ndef start(): helper()",
        "def start():\n    from spotify_assets.readers.two import helper\n    helper()",
        "if True:\n    from .two import helper\ndef start(): helper()",
    ],
)
def test_imports_are_followed_and_give_the_same_text(source, text):
    code = source(one=text, two="def helper(): ...\ndef unused(): ...")
    closure = code.closure([(f"{READERS}.one", "start")])
    assert set(closure.definitions) == {(f"{READERS}.one", "start"), (f"{READERS}.two", "helper")}


def test_an_import_through_a_package_is_followed_to_its_definition(source):
    code = source(
        __init__="from .two import helper",
        one="from spotify_assets.readers import helper\ndef start(): helper()",
        two="def helper(): ...",
    )
    closure = code.closure([(f"{READERS}.one", "start")])
    assert set(closure.definitions) == {(f"{READERS}.one", "start"), (f"{READERS}.two", "helper")}


def test_a_module_that_is_passed_counts_as_a_whole(source):
    code = source(one="from spotify_assets.readers import two\nstart = {'two': two}", two="def read(): ...\nLIMIT = 1")
    assert names(code) == {"read", "LIMIT"}


def test_what_a_decorator_registers_counts_with_its_registry(source):
    code = source(
        one="""
            FORMATS = {}
            def register(name):
                def put(function):
                    FORMATS[name] = function
                    return function
                return put
            def other(function): return helper(function)
            def start(name): return FORMATS[name]()
            @register('a')
            def read_a(): return helper()
            @other
            def unrelated(): ...
            OTHERS = {}
            def register_other(function): OTHERS[1] = function
            @register_other
            def read_other(): ...
            def helper(): ...
            """
    )
    assert names(code) == {"FORMATS", "read_a", "register", "helper"}


def test_what_extends_a_function_counts_with_it(source):
    code = source(
        one="""
            from functools import singledispatch
            @singledispatch
            def start(value): ...
            @start.register
            def of_text(value: str): ...
            """
    )
    assert names(code) == {"of_text"}


@pytest.mark.parametrize(
    "text",
    [
        "from spotify_assets.lake.tables import Lake\ndef start(): return Lake()",
        "from spotify_assets.settings import Settings\ndef start(): return Settings",
        "from spotify_assets import settings\ndef start(): return settings.Settings",
        "from spotify_assets.readers import nothing\ndef start(): return nothing",
        "from somewhere.readers import two\ndef start(): return two",
    ],
)
def test_machinery_and_what_is_not_there_are_named_and_not_followed(source, text):
    assert names(source(one=text, two="def helper(): ...")) == set()


def test_a_constant_of_the_model_is_one_definition(source):
    assert names(source(one="from spotify_assets.model import cleaned\ndef start(): cleaned.STREAM_MS")) == {
        "STREAM_MS"
    }


@pytest.mark.parametrize(
    ("one", "two", "is_same"),
    [
        ("def start(x: int) -> int:\n    'Text.'\n    return x  # why", "def start(x): return x", True),
        ("import math as m\ndef start(): m.pi", "import math\ndef start(): math.pi", True),
        ("from math import sqrt\ndef start(): sqrt", "from math import sqrt as root\ndef start(): root", True),
        ("from math import sqrt\ndef start(): sqrt", "from cmath import sqrt\ndef start(): sqrt", False),
        (
            "from spotify_assets.lake.tables import Lake\ndef start(): Lake",
            "from spotify_assets.lake import Lake\ndef start(): Lake",
            True,
        ),
        ("def start(): return 1", "def start(): return 1.0", False),
        ("def start(a, b): return a - b", "def start(a, b): return b - a", False),
        ("def start(a=1): ...", "def start(a=2): ...", False),
        ("def start(a, *, b=1): ...", "def start(a, *, b=2): ...", False),
        ("@a\ndef start(): ...", "@b\ndef start(): ...", False),
        ("class start(a): ...", "class start(b): ...", False),
        ("class start:\n    x: int = 1", "class start:\n    x = 1", False),
        ("start: int = 1", "start = 1", True),
        ("def start():\n    x: int = 1\n    return x", "def start():\n    x = 1\n    return x", True),
        ("start = 1", "start = 2", False),
        ("def start(x): return f'{x!r}'", "def start(x): return f'{x!s}'", False),
        ("def start(x): return x.a", "def start(x): return x.b", False),
        ("start = 1\nfor x in (): start += x", "start = 1\nfor x in (): start -= x", False),
    ],
)
def test_the_text_differs_where_the_result_could(source, one, two, is_same):
    code = source(one=one, two=two)
    texts = [code.closure([(f"{READERS}.{name}", "start")]).texts for name in ("one", "two")]
    assert (texts[0] == texts[1]) == is_same


@pytest.mark.parametrize(
    ("looked_up", "tables"),
    [
        ("TABLES['plays'], 'raw_plays'", {"plays"}),
        ("TABLES['plays'], TABLES[name], 'raw_plays', 'nothing'", {"plays", "raw_plays"}),
        ("TABLES.values(), 'raw_plays'", {"raw_plays"}),
    ],
)
def test_tables_whose_model_is_looked_up(source, looked_up, tables):
    code = source(one=f"from spotify_assets.model import TABLES\ndef start(name): return {looked_up}")
    assert code.closure([(f"{READERS}.one", "start")]).tables(["plays", "raw_plays", "fct_plays"]) == tables


def test_another_function_of_the_same_name_gives_another_text(source):
    code = source(
        one="def helper(): return 1",
        two="def helper(): return 2",
        three="from .one import helper\nfrom . import two\ndef start(): return helper(), two.helper, helper",
        four="from .one import helper\nfrom . import two\ndef start(): return helper(), two.helper, two.helper",
    )
    three, four = (code.closure([(f"{READERS}.{name}", "start")]).texts for name in ("three", "four"))
    assert three != four


SETTINGS = """
    class Settings:
        zones: dict
        zone: str
        unrelated: int

        def zone_of(self, listener):
            return self.zones.get(listener, self.fallback)

        @property
        def fallback(self):
            return self.zone
    """


@pytest.mark.parametrize(
    "text",
    [
        "def start(settings): return settings.zone_of('anna')",
        "def start(given: Settings): return given.zones, given.fallback",
        "def start(self): return self.settings.zone_of",
        "def start(): return settings().zone_of",
    ],
)
def test_settings_are_found_behind_methods_and_properties(source, text):
    code = source(settings=SETTINGS, one=text)
    read = code.closure([(f"{READERS}.one", "start")]).settings
    assert code.settings_read(read, ["zones", "zone", "unrelated"]) == {"zones", "zone"}


def test_settings_that_are_read_by_a_name_at_run_time_are_an_error(source):
    code = source(settings=SETTINGS, one="def start(settings, name): return getattr(settings, name)")
    with pytest.raises(LookupError, match=r"settings\.<field>"):
        code.settings_read(code.closure([(f"{READERS}.one", "start")]).settings, ["zones"])


def test_a_root_that_is_nowhere_is_an_error(source):
    with pytest.raises(LookupError, match="does not define nothing"):
        source(one="").closure([(f"{READERS}.one", "nothing")])


def test_a_constant_with_sets_reads_the_same_in_every_process():
    letters = "spotify"
    assert stable_repr([("a", frozenset(letters)), {"b": set(letters)}]) == (
        "(('a', {'f', 'i', 'o', 'p', 's', 't', 'y'}), {'b': {'f', 'i', 'o', 'p', 's', 't', 'y'}})"
    )


def test_texts_are_as_lakes_of_before_have_them(source):
    """Others, also on another version of Python, and every table of an existing lake would be computed again."""
    code = source(
        one="""
            import math as m
            LIMIT: int = 3
            @m.decorated(1, key="a")
            def start(a, /, b=LIMIT, *rest, c=None, **more) -> int:
                "Text."
                with open(a) as file:
                    rows = [f"{row!r:>5}" for row in file if row is not None and m.isclose(row, 1.5)]
                try:
                    return {**more, "rows": rows[1:], "big": lambda x: (x := x + 1)}
                except (OSError, ValueError) as error:
                    raise KeyError from error
            """
    )
    assert code.closure([(f"{READERS}.one", "start")]).texts == [
        "3fc31451e8b4efb9 3fc31451e8b4efb9",
        "e8cfc3a366e50f1d 3fc31451e8b4efb9 3fc31451e8b4efb9",
    ]


def test_garbage_is_collected_again_after_parsing():
    with gc_disabled():
        assert not gc.isenabled()
    assert gc.isenabled()
