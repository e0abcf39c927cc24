//! Where a report is met, and which parts of it have room there.

/// Where a report is met, which says how much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// The end of a command: some ten lines are read, the last ones first.
    Screen,
    /// A comment on a pull request or the summary of a job.
    Comment,
    /// A page of its own, with room for everything.
    Page,
}

/// Which media have room for a part of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// All of them.
    Everywhere,
    /// One only.
    Only(Medium),
    /// All but one.
    NotOn(Medium),
}

impl Shown {
    /// Whether a medium shows it.
    pub fn on(self, medium: Medium) -> bool {
        match self {
            Shown::Everywhere => true,
            Shown::Only(only) => only == medium,
            Shown::NotOn(other) => other != medium,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_shown_where_there_is_room() {
        for (shown, screen, page) in [
            (Shown::Everywhere, true, true),
            (Shown::Only(Medium::Page), false, true),
            (Shown::NotOn(Medium::Page), true, false),
        ] {
            assert_eq!((shown.on(Medium::Screen), shown.on(Medium::Page)), (screen, page));
        }
    }
}
