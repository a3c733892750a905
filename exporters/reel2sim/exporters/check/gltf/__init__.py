"""glTF: the container, its rules, and what is in it."""
