"""The pipeline: stage protocols, the loop, the back-fill window, threads between stages."""
