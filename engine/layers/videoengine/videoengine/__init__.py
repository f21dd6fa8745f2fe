"""The engine: Roboflow's Video Inference API, self-hosted on the user's own models."""
