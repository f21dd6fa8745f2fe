"""Uploads, their options, and the ledger of their jobs."""
