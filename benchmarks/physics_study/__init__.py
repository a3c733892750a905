"""What a bundle's bodies do in a physics engine."""
