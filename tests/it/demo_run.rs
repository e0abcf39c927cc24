//! demo_run.
