"""Where data come from: files, folders, packages, a hub, a formula."""
