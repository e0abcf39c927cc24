//! Texts that are drawn from the run's seed: choices, letters, names. Pure: random bits in.

/// Some texts, by their weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Each with its own weight and all before it, ascending.
    options: Box<[(u64, Box<str>)]>,
}

impl Choice {
    /// Of texts with weights from 1 to a million, at least one.
    pub fn new(options: impl IntoIterator<Item = (u32, String)>) -> Choice {
        let mut total = 0;
        let summed = options.into_iter().map(|(weight, text)| {
            total += u64::from(weight);
            (total, text.into_boxed_str())
        });
        Choice { options: summed.collect() }
    }

    /// One of them.
    pub(super) fn of(&self, bits: u64) -> &str {
        let total = self.options.last().map_or(1, |(sum, _)| *sum);
        let drawn = (u128::from(bits) * u128::from(total)) >> 64;
        let place = self.options.partition_point(|(sum, _)| u128::from(*sum) <= drawn);
        self.options.get(place).map_or("", |(_, text)| text)
    }
}

/// The 32 letters and digits that nobody takes for another one.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Letters that 64 bits are enough for.
const EACH: u32 = 12;

/// Adds so many random letters and digits.
pub(super) fn write_letters(count: u64, random: &mut dyn FnMut() -> u64, out: &mut String) {
    let mut bits = 0;
    let mut left = 0;
    for _ in 0..count {
        if left == 0 {
            (bits, left) = (random(), EACH);
        }
        // The highest bits are the best ones.
        out.push(char::from(LETTERS[(bits >> 59) as usize]));
        bits <<= 5;
        left -= 1;
    }
}

/// Which part of a person's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// `Aisha`
    First,
    /// `Nowak`
    Last,
    /// `Aisha Nowak`
    Full,
}

impl Name {
    /// All of them, as they are written.
    pub const ALL: [(&'static str, Name); 3] =
        [("first_name", Name::First), ("last_name", Name::Last), ("full_name", Name::Full)];

    /// Some are common, some have letters beyond ASCII, an apostrophe or a hyphen, as people's have.
    pub(super) fn parts(self, bits: u64) -> (&'static str, &'static str) {
        let of = |all: &[&'static str], bits: u64| all[(bits % all.len() as u64) as usize];
        let (first, last) = (of(&FIRST, bits >> 32), of(&LAST, bits & 0xffff_ffff));
        match self {
            Name::First => (first, ""),
            Name::Last => ("", last),
            Name::Full => (first, last),
        }
    }
}

const FIRST: [&str; 40] = [
    "Aisha", "Ana", "Anders", "Björn", "Carlos", "Chen", "Chloé", "Daniel", "Elena", "Emma",
    "Fatima", "Finn", "Grace", "Hana", "Ivan", "James", "Jana", "João", "Kenji", "Lea", "Lukas",
    "Maria", "Mateo", "Mei", "Mohammed", "Nia", "Noah", "Olivia", "Omar", "Paula", "Priya", "Ravi",
    "Sara", "Sofia", "Thomas", "Uma", "Victor", "Wei", "Yusuf", "Zoë",
];

const LAST: [&str; 40] = [
    "Ahmed",
    "Andersson",
    "Bauer",
    "Brown",
    "Chen",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fischer",
    "García",
    "Gupta",
    "Hansen",
    "Ivanova",
    "Johnson",
    "Kim",
    "Kowalski",
    "Laurent",
    "Li",
    "Martin",
    "Meyer",
    "Müller",
    "Nguyen",
    "Novák",
    "Nowak",
    "O'Brien",
    "Okafor",
    "Patel",
    "Petrov",
    "Rossi",
    "Santos",
    "Sato",
    "Schmidt",
    "Silva",
    "Singh",
    "Smith",
    "Smith-Jones",
    "Tanaka",
    "Van den Berg",
    "Wang",
    "Yılmaz",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::data::mixing::mixed;

    #[test]
    fn a_choice_keeps_its_weights() {
        let choice = Choice::new([(3, "a".to_owned()), (1, "b".to_owned())]);
        let often = (0..8_000).filter(|bits| choice.of(mixed(*bits)) == "a").count();
        assert!((5_850..6_150).contains(&often), "{often}");
        assert_eq!((choice.of(0), choice.of(u64::MAX)), ("a", "b"));
    }

    #[test]
    fn letters_are_as_many_as_are_asked_for_and_each_comes() {
        let mut state = 0;
        let mut random = || {
            state += 1;
            mixed(state)
        };
        for count in [1, 11, 12, 13, 5_000] {
            let mut text = String::new();
            write_letters(count, &mut random, &mut text);
            assert_eq!(text.len() as u64, count);
            assert!(text.bytes().all(|byte| LETTERS.contains(&byte)));
            assert!(count < 5_000 || LETTERS.iter().all(|one| text.contains(char::from(*one))));
        }
    }

    #[test]
    fn names_have_the_parts_that_are_asked_for() {
        for bits in (0..1_000).map(mixed) {
            let (first, last) = Name::Full.parts(bits);
            assert!(!first.is_empty() && !last.is_empty());
            assert_eq!(Name::First.parts(bits), (first, ""));
            assert_eq!(Name::Last.parts(bits), ("", last));
        }
    }
}
