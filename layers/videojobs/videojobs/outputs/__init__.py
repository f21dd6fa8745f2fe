"""The files that are made of a job's results, one module each."""
