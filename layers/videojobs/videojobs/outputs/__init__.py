"""The outputs that are derived from a job's results, one module each."""
