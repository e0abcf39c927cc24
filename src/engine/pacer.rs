//! Waiting for a moment, precisely.
//!
//! `tokio::time` rounds every deadline up to the next millisecond, so on Linux the
//! worker waits on a timer of the kernel (`timerfd`, `CLOCK_MONOTONIC`, timer slack
//! 1 ns) in the same runtime. Elsewhere `tokio::time` is the best there is, and the
//! record says so.

use std::io;
use std::time::Duration;

/// What waits, for the record.
pub const NAME: &str = if cfg!(target_os = "linux") { "timerfd" } else { "tokio-timer" };

#[cfg(target_os = "linux")]
mod precise {
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

    use nix::sys::prctl;
    use nix::sys::time::TimeSpec;
    use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use super::{Duration, io};

    /// Waits on a timer of the kernel.
    #[derive(Debug)]
    pub struct Pacer {
        timer: AsyncFd<Timer>,
    }

    #[derive(Debug)]
    struct Timer(TimerFd);

    impl AsFd for Timer {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }

    impl AsRawFd for Timer {
        fn as_raw_fd(&self) -> RawFd {
            self.0.as_fd().as_raw_fd()
        }
    }

    impl Pacer {
        /// A pacer for the runtime of this thread.
        pub fn new() -> io::Result<Pacer> {
            // Without it the kernel may round a timer up by 50 µs.
            prctl::set_timerslack(1)?;
            let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
            let timer = Timer(TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?);
            #[expect(
                deprecated,
                reason = "its successor is unsafe and asks what holds here: `Timer` owns its descriptor"
            )]
            let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
            Ok(Pacer { timer })
        }

        /// Returns when so much time has passed.
        pub async fn wait(&mut self, duration: Duration) -> io::Result<()> {
            if duration.is_zero() {
                return Ok(());
            }
            let expiration = Expiration::OneShot(TimeSpec::from(duration));
            self.timer.get_ref().0.set(expiration, TimerSetTimeFlags::empty())?;
            loop {
                let mut ready = self.timer.readable().await?;
                // Reading empties the timer; a stale wake-up finds nothing to read.
                match ready.try_io(|timer| timer.get_ref().0.wait().map_err(io::Error::from)) {
                    Ok(expired) => return expired,
                    Err(_would_block) => {}
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod precise {
    use super::{Duration, io};

    /// Waits on the runtime's own timer.
    #[derive(Debug)]
    pub struct Pacer;

    impl Pacer {
        /// A pacer for the runtime of this thread.
        pub fn new() -> io::Result<Pacer> {
            Ok(Pacer)
        }

        /// Returns when so much time has passed.
        pub async fn wait(&mut self, duration: Duration) -> io::Result<()> {
            tokio::time::sleep(duration).await;
            Ok(())
        }
    }
}

pub use precise::Pacer;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Instant;

    use super::*;

    /// The runtime's timer rounds up to whole milliseconds, so it is 0.5 ms late on
    /// average; the ratio of the two in one run does not depend on the machine's speed.
    #[test]
    fn the_pacer_is_several_times_closer_than_the_runtimes_timer() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (paced, timed) = runtime.block_on(async {
            let mut pacer = Pacer::new().unwrap();
            let (mut paced, mut timed) = (Vec::new(), Vec::new());
            for _ in 0..200 {
                let wait = Duration::from_micros(1_100);
                let start = Instant::now();
                pacer.wait(wait).await.unwrap();
                paced.push(start.elapsed().saturating_sub(wait));
                let start = Instant::now();
                tokio::time::sleep(wait).await;
                timed.push(start.elapsed().saturating_sub(wait));
            }
            (paced, timed)
        });
        let median = |mut all: Vec<Duration>| {
            all.sort_unstable();
            all[all.len() / 2]
        };
        let (paced, timed) = (median(paced), median(timed));
        assert!(paced * 2 < timed, "pacer {paced:?} late, tokio {timed:?}");
    }

    #[test]
    fn waiting_again_after_giving_up_does_not_return_early() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut pacer = Pacer::new().unwrap();
            // Given up before it fires, and given up after it fired but before it was read.
            for nap in [0, 3] {
                tokio::select! {
                    biased;
                    () = tokio::task::yield_now() => {}
                    _ = pacer.wait(Duration::from_millis(2)) => {}
                }
                std::thread::sleep(Duration::from_millis(nap));
                let start = Instant::now();
                pacer.wait(Duration::from_millis(20)).await.unwrap();
                assert!(start.elapsed() >= Duration::from_millis(20));
            }
        });
    }
}
