"""The commands, one file each; a file imports what it runs only once it runs."""
