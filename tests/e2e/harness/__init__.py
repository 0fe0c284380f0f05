"""What end-to-end tests are built from: addresses, upstream servers, a control plane, Envoys, and patience."""
