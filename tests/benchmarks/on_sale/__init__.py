"""The minute in which an event goes on sale, simulated: what limits it, and what a buyer sees."""
