"""Second looks at joints that were found: positions, types, bends, and how sure each is."""
