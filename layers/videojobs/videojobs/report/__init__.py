"""The HTML page of a job's results."""
