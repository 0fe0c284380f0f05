"""The Envoy side of the connection: the bootstrap that an Envoy starts with, and the life of an Envoy process."""
