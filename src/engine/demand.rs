//! How many requests need a connection just now, and whether one should be open ahead of
//! need.
//!
//! A connection that waits unused takes a place in the target, and in one that serves one
//! connection at a time it takes the only place. So one is opened ahead only while a
//! request comes in most ticks of 10 ms, where connecting would be felt, and those that
//! nobody used are closed when the requests become rare.

/// Weight of the latest tick.
const WEIGHT: f64 = 0.125;
/// Requests in a tick from which on a connection is kept ready.
const SPARE_FROM: f64 = 1.0;
/// Requests in a tick below which those that nobody used are closed.
const UNUSED_BELOW: f64 = 0.25;

/// Counts the requests that looked for a connection.
#[derive(Debug, Default)]
pub struct Demand {
    /// In the tick under way.
    asked: u32,
    /// In a tick, on average over the last tenth of a second.
    average: f64,
}

impl Demand {
    /// A load that begins with so many requests per tick.
    pub fn beginning_with(average: f64) -> Demand {
        Demand { asked: 0, average }
    }

    /// A request looks for a connection.
    pub fn ask(&mut self) {
        self.asked += 1;
    }

    /// So many ticks have passed, at least one.
    pub fn tick(&mut self, ticks: u64) {
        let ticks = ticks.max(1) as f64;
        let latest = f64::from(std::mem::take(&mut self.asked)) / ticks;
        self.average = latest + (self.average - latest) * (1.0 - WEIGHT).powf(ticks);
    }

    /// Whether a connection is to be ready ahead of need.
    pub fn wants_spare(&self) -> bool {
        self.average >= SPARE_FROM
    }

    /// Whether those that nobody used only take up places.
    pub fn is_rare(&self) -> bool {
        self.average < UNUSED_BELOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: f64, ticks: usize, requests: usize) -> Demand {
        let mut demand = Demand::beginning_with(start);
        for _ in 0..ticks {
            (0..requests).for_each(|_| demand.ask());
            demand.tick(1);
        }
        demand
    }

    #[test]
    fn a_spare_is_wanted_where_requests_come_in_every_tick_and_not_in_a_pause() {
        assert!(after(0.0, 100, 2).wants_spare());
        assert!(!after(0.0, 100, 0).wants_spare());
        let pause = after(2.0, 20, 0);
        assert!(pause.is_rare() && !pause.wants_spare());
        assert!(!after(2.0, 5, 0).is_rare(), "a gap of 50 ms is no pause");
    }

    #[test]
    fn ticks_that_were_missed_count_as_such() {
        let mut demand = Demand::beginning_with(5.0);
        demand.tick(100);
        assert!(demand.is_rare());
        (0..300).for_each(|_| demand.ask());
        demand.tick(100);
        assert!(demand.wants_spare(), "300 requests in a second that was stood still in");
    }
}
