"""The Video Inference API: requests, and how many may be made."""
