//! cluster.xml and userconfig.xml: text -> diagnostics and model.
//!
//! ```text
//! bytes ─reader─► tree with places ─macros─► values ─check (by the table in schema)─► typed values
//!       ─cluster / module: what one value has to do with another─► model, or errors
//! ```
//!
//! Every fault of a file is told in one pass, each with file, line and column ([`diagnostic`]). A model exists only when
//! there was no error, so an invalid value cannot exist in it ([`model`]). The model gives canonical text back
//! (`to_xml`) that reads as the same model; the signature is computed from that text.
//!
//! Bounded: size, number and depth of elements, length of expanded macros, number of diagnostics.
//! Not here: files, DNS and the environment; the caller hands in bytes and functions.

pub mod change;
mod check;
pub mod cluster;
mod cross;
pub mod diagnostic;
pub mod duration;
pub mod edit;
mod escape;
pub mod macros;
pub mod model;
pub mod module;
pub mod reader;
pub mod reference;
mod rules;
mod scan;
pub mod schema;
pub mod spec;
mod text;
mod value;

pub use diagnostic::{Code, Diagnostic, Parsed, Severity};
pub use model::{ClusterConfig, ModuleConfig};
