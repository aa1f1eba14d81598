"""One typed configuration per experiment."""
