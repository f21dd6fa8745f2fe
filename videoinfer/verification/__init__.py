"""The proof that a deployed stack works: a video through all of it, every output checked, every trace removed."""
