//! The files of a root: where they are, how they are read, and how they are changed without being half changed.

pub(crate) mod cluster;
pub(crate) mod error;
pub(crate) mod layout;
pub(crate) mod module;
pub(crate) mod saved;

pub(crate) use error::StoreError;
pub(crate) use layout::Layout;
