//! What it means to share the load.
