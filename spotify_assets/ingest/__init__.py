"""Landed history and API responses into raw tables; and what to fetch from the Web API."""
