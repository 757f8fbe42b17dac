"""People and camera in one world: metres, a floor, gravity."""
