"""The `ccd` command, one file a group of commands. Each command imports what it uses inside its function."""
