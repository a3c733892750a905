"""Single files of any tool, by themselves."""
