"""The report: an HTML page with a job's results."""
