//! A first scenario for a Node project.
//!
//! A folder comes in; what was found in it ([`project`]), what its app said while it was
//! started once ([`probe`]), and the files that follow from both ([`plan`]) go out. All but
//! [`sources`] and [`probe`] is pure. Nothing here asks, prints or writes: that is the command
//! line's. What stands in the project and what its app answers is not trusted: sizes are
//! bounded, and what enters a scenario is encoded so that it cannot become a placeholder.

pub mod first_scenario;
pub mod framework;
pub mod manager;
pub mod openapi;
pub mod package_json;
pub mod pipeline;
pub mod plan;
pub mod port;
pub mod probe;
pub mod project;
pub mod routes;
pub mod seen;
pub mod sources;
pub mod start;
pub mod workspace;
