"""The kinds of Kubernetes itself that say something about traffic, such as Service."""
