"""The OpenAPI document, made of the app's route table, the descriptions beside the routes and the
pydantic models. Nothing here is deployed: what is served is the file that it writes.
"""
