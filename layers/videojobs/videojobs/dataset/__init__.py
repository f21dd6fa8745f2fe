"""The dataset: a video's frames with their predictions, for labelling and training tools."""
