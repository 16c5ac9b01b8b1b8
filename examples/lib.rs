//! One file answers one question:
//!
//! - `lose_a_node`: how long does a farm of mine take to get over the loss of a server? (the simulator)
