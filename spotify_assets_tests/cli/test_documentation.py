from spotify_assets.cli import documentation
from spotify_assets.settings import Settings, variable


def test_documentation_is_up_to_date():
    readme = (documentation.ROOT / "README.md").read_text()
    assert documentation.rewritten(readme) == readme, "run: make docs"
    assert documentation.data_model() == (documentation.ROOT / "docs/data_model.md").read_text(), "run: make docs"


def test_every_setting_is_described():
    table = documentation.settings_table()
    for name, field in Settings.model_fields.items():
        assert f"`{variable(name)}`" in table
        assert field.description


def test_links_of_the_readme_lead_somewhere():
    import re

    readme = (documentation.ROOT / "README.md").read_text()
    for target in re.findall(r"\]\(((?!http)[^)#]+)", readme):
        assert (documentation.ROOT / target).exists(), target
