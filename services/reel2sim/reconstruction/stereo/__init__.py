"""Where the surface is, from how pictures agree: at time zero, and where motion reveals more."""
