"""The Video Inference API: its client, and the limit on requests."""
