//! The simulator: whole farms in virtual time.
