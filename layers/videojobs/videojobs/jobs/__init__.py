"""Uploads, their options, and the ledger of jobs."""
