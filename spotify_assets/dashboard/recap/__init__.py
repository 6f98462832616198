"""The recap of a year or of any days: a story as a page, as one HTML file, and as pictures."""

# What recaps of years read.
TABLES = ("dim_listener", "period_listening", "yearly_recap", "hourly_listening", "genre_trends")
