//! Whose beats an agent heeds, of several coordinators that a run may have had.

use crate::fleet::wire::{Beat, Offer};

/// Whom an agent heeds: the coordinator that made the offer, until another one says that it has taken
/// the run over; from then on that one only, whatever the one before still says.
#[derive(Debug, Clone)]
pub struct Heeded {
    epoch: String,
    is_first: bool,
}

impl Heeded {
    /// The coordinator that made an offer.
    pub fn of(offer: &Offer) -> Heeded {
        Heeded { epoch: offer.epoch.clone(), is_first: true }
    }

    /// Whether a beat is to be heeded.
    pub fn heeds(&mut self, beat: &Beat) -> bool {
        if beat.epoch == self.epoch {
            return true;
        }
        let follows = beat.after.contains(&self.epoch);
        if follows {
            self.epoch.clone_from(&beat.epoch);
            self.is_first = false;
        }
        follows
    }

    /// Whether its beats renew a lease: whoever takes a run over does not go on with its load.
    pub fn renews(&self) -> bool {
        self.is_first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_followed_by_another_one_is_heeded_no_more() {
        let beat = |epoch: &str, after: &[&str]| Beat {
            epoch: epoch.to_owned(),
            after: after.iter().map(|&it| it.to_owned()).collect(),
            ..Beat::default()
        };
        let mut heeded = Heeded { epoch: "one".to_owned(), is_first: true };
        assert!(heeded.heeds(&beat("one", &[])) && heeded.renews());
        assert!(!heeded.heeds(&beat("stranger", &[])) && heeded.renews());
        assert!(!heeded.heeds(&beat("stranger", &["another"])));
        assert!(heeded.heeds(&beat("two", &["one"])) && !heeded.renews());
        assert!(!heeded.heeds(&beat("one", &[])), "it has thawed, and is late");
        // One that was taken over from in its turn, of which the agent has not heard anything.
        assert!(heeded.heeds(&beat("four", &["one", "two", "three"])));
        assert!(
            !heeded.heeds(&beat("two", &["one"])) && !heeded.heeds(&beat("three", &["one", "two"]))
        );
    }
}
