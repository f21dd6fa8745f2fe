"""What the pipeline's functions share: from an upload to a job, from a job to results and a notice."""
