"""Everything that runs on this machine: the embedded AWS, and the demo in it."""
