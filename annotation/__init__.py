"""Pairs to judgments: Label Studio desks, push, pull, and the local server."""
