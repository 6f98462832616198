"""Specifications of charts that are remembered: each caller has its own."""

from spotify_assets.dashboard import charts

ROWS = [{"device": "phone", "hours": 30.0}, {"device": "car", "hours": None}]


def ends(spec, width):
    """Where the scale of each layer ends on a plot of that width (px)."""
    scales = [layer["encoding"]["x"]["scale"] for layer in spec["layer"]]
    return [eval(scale["domainMax"]["expr"], {"width": width, "max": max}) for scale in scales]


def test_bars_end_where_the_rows_say_though_the_rest_is_remembered():
    small = charts.bars_chart(ROWS, "device", "hours", title="hours")
    large = charts.bars_chart([*ROWS, {"device": "tv", "hours": 50.0}], "device", "hours", title="hours")
    # `30.0` and `50.0` have four characters, for which 8 + 4 * 8 px are left beside the longest bar.
    assert (ends(small, 100), small["height"]) == ([50.0, 50.0], 2 * 40)
    assert (ends(large, 100), large["height"]) == ([5000 / 60] * 2, 3 * 40)


def test_few_bars_are_higher_than_many():
    heights = [
        charts.bars_chart(ROWS[:1] * n, "device", "hours", title="hours")["height"] for n in (0, 1, 5, 7, 8, 10)
    ]
    assert heights == [40, 40, 200, 200, 208, 260]


def test_a_place_that_never_changes_is_on_top_of_five():
    def domain(lowest):
        chart = charts.lines_chart("year", "rank", x_title="year", y_title="place", lowest=lowest)
        return chart["encoding"]["y"]["scale"]["domain"]

    assert (domain(1), domain(12)) == ([1, 5], [1, 12])


def test_a_bar_has_a_quarter_of_a_narrow_plot_at_least():
    assert ends(charts.bars_chart(ROWS, "device", "hours", title="hours"), 40) == [120.0, 120.0]


def test_what_a_caller_changes_stays_with_that_caller():
    first = charts.survival_chart()
    first["encoding"]["x"]["title"] = "minutes"
    assert charts.survival_chart()["encoding"]["x"]["title"] == "seconds into the track"


def test_other_arguments_give_another_specification():
    made = [charts.lines_chart("year", "hours", x_title="year", y_title="hours", color="who", names=names) for names in
            (["anna", "ben"], ["ben", "anna"])]  # fmt: skip
    assert [spec["encoding"]["color"]["sort"] for spec in made] == [["anna", "ben"], ["ben", "anna"]]
