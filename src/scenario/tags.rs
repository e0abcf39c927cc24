//! What steps are marked with, so that objectives can name several of them at once.

use super::model::Scenario;

impl Scenario {
    /// The name of a tag.
    pub fn tag(&self, tag: u16) -> &str {
        self.tags.get(usize::from(tag)).map_or("", String::as_str)
    }
}
