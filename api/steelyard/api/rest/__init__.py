"""The interface for programs, /api/v1: routes, and the shapes of what they take and give."""
