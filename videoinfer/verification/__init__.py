"""`videoinfer verify`: sends a video to a deployed stack, checks every output, and removes everything it created."""
