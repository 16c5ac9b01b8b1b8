//! Examples for embedders; see the files beside this one.
