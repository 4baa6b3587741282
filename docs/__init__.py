"""The pages, and `docs.reference`, which writes docs/commands.md."""
