//! cluster.xml and userconfig.xml: text -> diagnostics and model.

pub mod model;
