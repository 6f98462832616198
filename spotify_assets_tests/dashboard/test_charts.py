"""Specifications of charts that are remembered: each caller has its own."""

from spotify_assets.dashboard import charts

ROWS = [{"device": "phone", "hours": 30.0}, {"device": "car", "hours": None}]


def domains(spec):
    return [layer["encoding"]["x"]["scale"]["domain"] for layer in spec["layer"]]


def test_bars_end_where_the_rows_say_though_the_rest_is_remembered():
    small = charts.bars_chart(ROWS, "device", "hours", title="hours")
    large = charts.bars_chart([*ROWS, {"device": "tv", "hours": 50.0}], "device", "hours", title="hours")
    assert (domains(small), small["height"]) == ([[0, 36.0], [0, 36.0]], 2 * charts.BAR_HEIGHT)
    assert (domains(large), large["height"]) == ([[0, 60.0], [0, 60.0]], 3 * charts.BAR_HEIGHT)


def test_what_a_caller_changes_stays_with_that_caller():
    first = charts.survival_chart()
    first["encoding"]["x"]["title"] = "minutes"
    assert charts.survival_chart()["encoding"]["x"]["title"] == "seconds into the track"


def test_other_arguments_give_another_specification():
    made = [charts.lines_chart("year", "hours", x_title="year", y_title="hours", color="who", names=names) for names in
            (["anna", "ben"], ["ben", "anna"])]  # fmt: skip
    assert [spec["encoding"]["color"]["sort"] for spec in made] == [["anna", "ben"], ["ben", "anna"]]
