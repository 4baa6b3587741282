"""The review app: pages over a campaign's database, in a browser."""
