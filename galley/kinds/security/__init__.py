"""The kinds of security.istio.io: who may talk to whom, and how both prove who they are."""
