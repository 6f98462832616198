"""The recap of a year or of any days: a story as a page, as one HTML file, and as pictures."""
