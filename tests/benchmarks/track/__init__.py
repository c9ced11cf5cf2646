"""The fair track: what users would pick instead and this API, run as Lambda would, side by side."""
