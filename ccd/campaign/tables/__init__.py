"""The campaign's tables and the queries on them: what takes a connection, and gives frames, rows or ids."""
