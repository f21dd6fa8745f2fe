"""Notices and share links."""
