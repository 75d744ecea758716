"""What people and programs meet: the interface under /api/v1, the console's pages, alerts by e-mail and webhook."""
