//! To which of a target's addresses connections go, and from which of this machine's.
//!
//! Both are taken in turn, so that all pairs come. What a look-up has found meanwhile is taken
//! from where it lies: nobody waits for a name here.

use std::net::{IpAddr, SocketAddr};

use tokio::sync::watch;

/// Addresses of a target, at least one, and those that connections come from.
#[derive(Debug, Clone)]
pub struct Route {
    to: Vec<SocketAddr>,
    from: Vec<IpAddr>,
    /// What a look-up finds while it is loaded; never empty.
    news: Option<watch::Receiver<Vec<SocketAddr>>>,
    turn: usize,
}

impl From<SocketAddr> for Route {
    fn from(address: SocketAddr) -> Route {
        Route::new(vec![address], Vec::new(), None)
    }
}

impl Route {
    /// To some addresses, or what `news` says later, from some addresses, or the system's choice.
    pub fn new(
        to: Vec<SocketAddr>,
        from: Vec<IpAddr>,
        news: Option<watch::Receiver<Vec<SocketAddr>>>,
    ) -> Route {
        Route { to, from, news, turn: 0 }
    }

    /// Where the next connection goes, and from where if that is not the system's choice.
    pub fn take(&mut self) -> (SocketAddr, Option<IpAddr>) {
        if let Some(news) = self.news.as_mut().filter(|news| news.has_changed().unwrap_or(false)) {
            self.to.clone_from(&news.borrow_and_update());
        }
        let turn = self.turn;
        self.turn = turn.wrapping_add(1);
        let to = self.to[turn % self.to.len()];
        let of_family = |from: &&IpAddr| from.is_ipv4() == to.is_ipv4();
        let count = self.from.iter().filter(of_family).count().max(1);
        let from = self.from.iter().filter(of_family).nth(turn / self.to.len() % count);
        (to, from.copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(ports: &[u16]) -> Vec<SocketAddr> {
        ports.iter().map(|port| ([127, 0, 0, 1], *port).into()).collect()
    }

    #[test]
    fn all_pairs_come_in_turn() {
        let from: Vec<IpAddr> =
            ["127.0.0.2", "::1", "127.0.0.3"].map(|text| text.parse().unwrap()).into();
        let mut route = Route::new(to(&[1, 2]), from, None);
        let taken: Vec<String> = (0..5)
            .map(|_| {
                let (to, from) = route.take();
                format!("{} {}", to.port(), from.unwrap())
            })
            .collect();
        let expected = ["1 127.0.0.2", "2 127.0.0.2", "1 127.0.0.3", "2 127.0.0.3", "1 127.0.0.2"];
        assert_eq!(taken, expected);
    }

    #[test]
    fn what_a_look_up_finds_counts_from_the_next_connection_on() {
        let (sender, news) = watch::channel(to(&[1]));
        let mut route = Route::new(to(&[1]), Vec::new(), Some(news));
        assert_eq!(route.take(), (to(&[1])[0], None));
        sender.send(to(&[2])).unwrap();
        assert_eq!(route.take().0.port(), 2);
        drop(sender);
        assert_eq!(route.take().0.port(), 2);
    }
}
