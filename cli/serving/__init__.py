"""`atlas serve`: one FastAPI application over one model, one sandbox and one queue of work."""
