"""The stages of a job as plain functions over local folders: no Celery, no database.

`ingest -> harmonise -> plan -> impute_chunk (once a chunk) -> assemble (once a chromosome) -> report -> deliver`. The
worker's tasks wrap them for the queue, `run.run_offline` strings them together for the command line. Every stage writes
into a flat folder of its own and returns a small JSON-able summary; the next stage reads only those folders.
"""
