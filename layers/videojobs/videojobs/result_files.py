"""The names of a job's files and their keys in the results bucket.

The template's policies name the same keys; `tests/local_aws/test_permission_matrix.py` tests the functions with them.
"""

from collections.abc import Mapping

RESULTS_FILE = "results.json"
"""The API's results, byte for byte."""

SUMMARY_FILE = "summary.json"
RECORD_FILE = "job.json"
REPORT_FILE = "report.html"
ANNOTATED_VIDEO = "annotated.mp4"
DATASET_ZIP = "dataset.zip"

DOWNLOADS = ("detections.csv.gz", "events.csv", "coco.json", RESULTS_FILE, ANNOTATED_VIDEO, DATASET_ZIP)
"""The files that the report offers, if they are there."""

DATASET_FOLDER = "dataset/"
"""The files of `dataset.zip` as single objects."""

RESULTS_PREFIX = "results/"

TABLES: Mapping[str, str] = {
    "detections.parquet": "detections",
    "frames.parquet": "frames",
    "events.parquet": "events",
}
"""The tables that Athena queries, by the name of the file that each job adds."""


def locate_results(upload_key: str, job_id: str, file_name: str) -> str:
    """Returns the key of one of a job's files, such as `results/belt.mp4/job-1/results.json`."""
    return f"{RESULTS_PREFIX}{upload_key}/{job_id}/{file_name}"


def split_results_key(key: str) -> tuple[str, str, str]:
    """Splits a key of `locate_results` into the upload's key, the job's ID and the file's name."""
    folder, _, file_name = key.removeprefix(RESULTS_PREFIX).rpartition("/")
    upload_key, _, job_id = folder.rpartition("/")
    return upload_key, job_id, file_name


def locate_output(upload_key: str, job_id: str, created_at: str, file_name: str) -> str:
    """Returns the key of one of a job's outputs: with its results, or in one of the tables of all jobs.

    Args:
        created_at: When the job was created, ISO 8601 in UTC.
    """
    if file_name in TABLES:
        return f"tables/{TABLES[file_name]}/day={created_at[:10]}/{job_id}.parquet"
    return locate_results(upload_key, job_id, file_name)
