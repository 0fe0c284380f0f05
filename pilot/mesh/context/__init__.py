"""What planners may ask: the configuration of one moment, and whom it is for."""
