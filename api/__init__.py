"""HTTP only: requests in, answers out. What a job is lives in `jobs`, what computes in `worker`.

`api.app.create_app` makes the application and `python -m api` serves it. This room imports jobs, genotypes and errors,
never worker, models or torch, and stays small in memory: an upload passes through it in pieces.
"""
