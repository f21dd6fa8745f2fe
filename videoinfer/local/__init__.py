"""The embedded AWS on this machine, and the demo that runs on it."""
