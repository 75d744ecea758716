"""The console: pages rendered on the server, for people."""
