"""What the routes share: errors to responses, requests, headers, queries."""
