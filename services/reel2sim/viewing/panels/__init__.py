"""What stands beside the picture: one panel a file, each adding controls where it is told to."""
