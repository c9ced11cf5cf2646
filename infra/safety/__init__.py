"""What is looked for in the repository before others find it: secrets that were committed, and
dependencies with known vulnerabilities.
"""
