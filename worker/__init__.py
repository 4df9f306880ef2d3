"""Turns queued jobs into results: the pipeline's stages, and the Celery workers that run them."""
