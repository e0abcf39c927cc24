//! How soon the kernel lets the workers go when others want the CPU too.
//!
//! A worker needs little time, but needs it when a request is due. Where the system allows
//! it (to root, or by a limit on nice values) the workers get a lower nice value than the
//! processes around them, so that a busy neighbour does not make requests late. Whoever
//! starts loadgate with a nice value of his own has decided that himself.

/// The nice value of a worker that may go ahead.
const AHEAD: i8 = -20;

/// The nice value that the workers will have instead of the process's.
pub fn ahead() -> Option<i8> {
    let ahead = go_ahead();
    if ahead.is_some() {
        give_way();
    }
    ahead
}

/// Lets this thread go ahead, if that is allowed.
#[cfg(target_os = "linux")]
pub(super) fn go_ahead() -> Option<i8> {
    use rustix::process::{getpriority_process, setpriority_process};

    // Linux counts each thread by itself.
    let is_usual = getpriority_process(None) == Ok(0);
    (is_usual && setpriority_process(None, i32::from(AHEAD)).is_ok()).then_some(AHEAD)
}

/// Elsewhere it would be the whole process.
#[cfg(not(target_os = "linux"))]
pub(super) fn go_ahead() -> Option<i8> {
    None
}

/// Back to the usual, which is always allowed.
fn give_way() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 0);
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::thread;

    use rustix::process::{getpriority_process, setpriority_process};

    use super::*;

    /// What becomes of a thread of its own that begins with a nice value.
    fn beginning_with<T: Send + 'static>(nice: i32, work: fn() -> T) -> (T, i32) {
        let work = move || {
            setpriority_process(None, nice).unwrap();
            (work(), getpriority_process(None).unwrap())
        };
        thread::spawn(work).join().unwrap()
    }

    #[test]
    fn a_worker_goes_ahead_as_far_as_was_said_before() {
        let (said, after) = beginning_with(0, ahead);
        assert_eq!(after, 0, "asking changes nothing");
        let (done, after) = beginning_with(0, go_ahead);
        assert_eq!(done, said);
        assert_eq!(after, said.map_or(0, i32::from));
    }

    #[test]
    fn a_nice_value_of_the_users_own_is_kept() {
        assert_eq!(beginning_with(5, go_ahead), (None, 5));
    }
}
