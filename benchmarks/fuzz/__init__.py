"""Files that are wrong in every way, and what the importers do with them."""
