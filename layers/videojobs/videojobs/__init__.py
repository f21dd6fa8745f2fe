"""The code of the pipeline's functions: from an upload to a job, from a job to results and a notice."""

__version__ = "0.1.0"
"""The project's version (semver.org): the source for the package, `videoinfer --version` and `job.json`."""
