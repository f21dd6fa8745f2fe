"""Reading the API's results file, once and in one place."""
