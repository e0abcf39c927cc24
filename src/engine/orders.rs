//! Orders to workers that are running: another rate from a moment on, or an end.
//!
//! Whoever steers a load orders; each worker looks for orders every 10 ms, when it looks for the
//! order to stop, and never on the way of a request. All orders are kept, so that a worker that
//! stood still finds each of them, and all workers share the stream as they did before
//! ([`crate::engine::source`]). An order that is heard after its moment holds from then on for
//! what has not left yet.
//!
//! Does not know why the load changes.

use tokio::sync::watch;

use crate::units::{Moment, Rate};

/// What a running load is to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Order {
    /// So many arrivals per second, all workers together.
    Rate {
        /// From this moment on, which lies behind that of every order before.
        from: Moment,
        /// How many.
        rate: Rate,
    },
    /// Nothing is due from a moment on; what is in flight comes to its end.
    End {
        /// The moment.
        at: Moment,
    },
}

/// Where orders are given.
#[derive(Debug, Clone)]
pub struct Orders(watch::Sender<Vec<Order>>);

impl Default for Orders {
    fn default() -> Self {
        Orders(watch::Sender::new(Vec::new()))
    }
}

impl Orders {
    /// Tells all workers.
    pub fn give(&self, order: Order) {
        self.0.send_modify(|all| all.push(order));
    }

    /// All of them, in their order.
    pub fn all(&self) -> Vec<Order> {
        self.0.borrow().clone()
    }

    /// When the load was ordered to end, if it was.
    pub fn end(&self) -> Option<Moment> {
        self.0.borrow().iter().find_map(|order| match order {
            Order::End { at } => Some(*at),
            Order::Rate { .. } => None,
        })
    }

    /// For a worker, before its load begins.
    pub fn heard(&self) -> Heard {
        Heard { orders: self.0.subscribe(), known: 0 }
    }
}

/// What a worker has heard of the orders.
#[derive(Debug, Clone)]
pub struct Heard {
    orders: watch::Receiver<Vec<Order>>,
    /// How many it has done.
    known: usize,
}

impl Heard {
    /// Of nobody: the load is that of the scenario, to its end.
    pub fn nobody() -> Heard {
        Orders::default().heard()
    }

    /// Orders that have come since the last look. Mostly there are none, which is one reading of a
    /// number.
    pub fn news(&mut self) -> Vec<Order> {
        if !self.orders.has_changed().unwrap_or(false) {
            return Vec::new();
        }
        let all = self.orders.borrow_and_update();
        let new = all.get(self.known..).unwrap_or_default().to_vec();
        self.known = all.len();
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(second: u64, rate: f64) -> Order {
        Order::Rate { from: Moment(second * 1_000_000_000), rate: Rate(rate) }
    }

    #[test]
    fn every_order_is_heard_once_in_its_turn() {
        let orders = Orders::default();
        let mut heard = orders.heard();
        assert_eq!(heard.news(), []);
        orders.give(rate(1, 5.0));
        let mut late = heard.clone();
        orders.give(rate(2, 6.0));
        assert_eq!(heard.news(), [rate(1, 5.0), rate(2, 6.0)]);
        assert_eq!(heard.news(), []);
        assert_eq!(orders.end(), None);
        orders.give(Order::End { at: Moment(9) });
        assert_eq!(heard.news(), [Order::End { at: Moment(9) }]);
        assert_eq!(late.news().len(), 3, "a worker that stood still hears all");
        assert_eq!(orders.end(), Some(Moment(9)));
        assert_eq!(Heard::nobody().news(), []);
    }
}
