"""Reads the API's results file."""
