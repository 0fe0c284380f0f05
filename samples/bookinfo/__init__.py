"""Bookinfo: four small services, one of them in three versions, to try traffic rules on."""
