"""What a closure holds, by small packages."""

from textwrap import dedent

import pytest

from spotify_assets.refresh.source_code import SourceCode

READERS = "spotify_assets.readers"


@pytest.fixture
def source(tmp_path):
    """A package of these modules below `readers`."""

    def write(settings: str = "class Settings: ...", **modules: str) -> SourceCode:
        folder = tmp_path / "spotify_assets"
        (folder / "readers").mkdir(parents=True)
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
    ],
)
def test_a_name_is_followed(source, source_of_one):
    assert names(source(one=f"def helper(): ...\n{source_of_one}")) == {"helper"}


@pytest.mark.parametrize(
    "source_of_one",
    [
        "def start(helper): return helper",
        "def start():\n    helper = 1\n    return helper",
        "def start():\n    for helper in (): pass\n    return helper",
        "def start(): return [helper for helper in ()]",
        "def start(): return lambda helper: helper",
        "def start():\n    with open('') as helper:\n        return helper",
        "def start():\n    try: pass\n    except OSError as helper: return helper",
        "def start(x):\n    match x:\n        case [helper]: return helper",
        "def start():\n    if helper := 1:\n        return helper",
        "def start(x): return x.helper",
        "def start() -> helper: ...",
    ],
)
def test_a_local_name_an_attribute_and_an_annotation_are_not(source, source_of_one):
    assert names(source(one=f"def helper(): ...\n{source_of_one}")) == set()


@pytest.mark.parametrize(
    "text",
    [
        "from spotify_assets.readers.two import helper\ndef start(): helper()",
        "from spotify_assets.readers.two import helper as other\ndef start(): other()",
        "from spotify_assets.readers import two\ndef start(): two.helper()",
        "from .two import helper\ndef start(): helper()",
        "def start():\n    from spotify_assets.readers.two import helper\n    helper()",
    ],
)
def test_imports_are_followed_and_give_the_same_text(source, text):
    code = source(one=text, two="def helper(): ...\ndef unused(): ...")
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
            def other(function): return function
            def start(name): return FORMATS[name]()
            @register('a')
            def read_a(): return helper()
            @other
            def unrelated(): ...
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


def test_machinery_is_named_and_not_followed(source):
    assert names(source(one="from spotify_assets.lake.tables import Lake\ndef start(): return Lake()")) == set()


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
