"""Synthetic pairs: drawn pictures with tweet-like texts whose label is known by construction."""
