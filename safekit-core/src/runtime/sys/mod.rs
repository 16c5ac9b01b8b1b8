//! What differs from one operating system to another; each concern shows the same functions everywhere.

pub(crate) mod socket;
