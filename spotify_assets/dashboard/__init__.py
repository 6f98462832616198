"""The dashboard: server-rendered web pages over the DuckDB warehouse, which each request opens read-only.

`app` answers requests, `filters` reads the query string, `sources` are the plays that filters leave, `blocks` is how a
page is declared, `pages` are the pages, `charts` are Vega-Lite charts.
"""
