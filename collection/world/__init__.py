"""The made world: drawn pictures with tweet-like texts whose label is known by construction. All of it is synthetic."""
