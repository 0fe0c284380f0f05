"""The rules of the kinds of Kubernetes itself, as its own API has them."""
