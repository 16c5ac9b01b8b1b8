//! The edge: the code that touches the world.
