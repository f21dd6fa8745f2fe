"""What the pipeline's functions share: from an upload to a job, from a job to results and a notice."""

__version__ = "0.1.0"
"""The project's version (semver.org). The package, `videoinfer --version` and `job.json` take it from here."""
