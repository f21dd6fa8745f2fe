"""The command `videoinfer regions`: a frame of a video, and the polygons and lines on it."""
