//! How a list of quantities, or of what has some, is put in order where that is done once and not
//! for each request.
//!
//! The standard library's sort is made anew for each kind of list, five kilobytes each time, and
//! there are fifty kinds. Here the places are sorted, by one copy for all, and the list follows.

use std::cmp::Ordering;

/// Puts a list in order; what is equal stays as it stood.
pub fn by<T>(list: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let mut places: Vec<usize> = (0..list.len()).collect();
    sort(&mut places, &|a, b| compare(&list[a], &list[b]));
    follow(&mut places, |a, b| list.swap(a, b));
}

/// Puts a list in the order of its keys; what is equal stays as it stood.
pub fn by_key<T, K: Ord>(list: &mut [T], key: impl Fn(&T) -> K) {
    by(list, |a, b| key(a).cmp(&key(b)));
}

fn sort(places: &mut [usize], compare: &dyn Fn(usize, usize) -> Ordering) {
    places.sort_by(|a, b| compare(*a, *b));
}

/// Brings to each place what stood at the one that is named there, cycle by cycle.
fn follow(places: &mut [usize], mut swap: impl FnMut(usize, usize)) {
    for start in 0..places.len() {
        let mut at = start;
        loop {
            let from = std::mem::replace(&mut places[at], at);
            if from == start || from == at {
                break;
            }
            swap(at, from);
            at = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_list_is_ordered_as_the_standard_library_orders_it(
            list in prop::collection::vec((0_u8..9, 0_u16..999), 0..60),
        ) {
            let (mut ours, mut theirs) = (list.clone(), list.clone());
            by_key(&mut ours, |it| it.0);
            theirs.sort_by_key(|it| it.0);
            prop_assert_eq!(&ours, &theirs);
            by(&mut ours, |a, b| b.1.cmp(&a.1));
            theirs.sort_by_key(|it| std::cmp::Reverse(it.1));
            prop_assert_eq!(ours, theirs);
        }
    }
}
