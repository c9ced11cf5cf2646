"""What every route and function asks of others, and what that costs."""
