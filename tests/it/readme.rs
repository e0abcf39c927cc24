//! readme.
