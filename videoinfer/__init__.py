"""The command line: videos in, detections out."""
