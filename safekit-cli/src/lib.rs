//! The command `safekit` as a library.
