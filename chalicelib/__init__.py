"""What the functions of the Events API share; `app.py` and `functions/` are the entry points."""
