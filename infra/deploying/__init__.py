"""From a package to a running stack, and what an operator does with it: deploy, look, read
its logs, go back, take it down. Nothing of it is deployed.
"""
