"""Faces: the `ccd` command and the demo. They wire the floors below and hold no logic of their own."""
