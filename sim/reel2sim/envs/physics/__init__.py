"""What PyBullet holds and how it is driven."""
