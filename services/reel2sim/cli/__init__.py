"""The command line: ``reel2sim COMMAND …``. One file a command, errors mapped in one place."""
