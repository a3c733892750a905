"""What is seen: surfaces, splats, skins, film and page."""
