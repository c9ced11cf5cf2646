"""Building, deploying and locally running what `app.py` and `chalicelib` are."""
