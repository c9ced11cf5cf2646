"""Rules of events, orders and money. No input or output, no third party."""
