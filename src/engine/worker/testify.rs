//! What a worker keeps of exchanges, which are mostly failures: their requests are written once
//! more.

use crate::engine::checks::Known;
use crate::engine::evidence::Wires;
use crate::engine::protocol::http2::message;
use crate::engine::worker::Worker;
use crate::engine::worker::report::unix_millis;
use crate::engine::worker::wording::Wording;
use crate::record::sample::Sample;

impl Worker {
    /// Keeps what an exchange looked like, if one of its kind is still wanted. The iteration must
    /// not have gone on.
    pub(super) fn testify(&mut self, key: usize, sample: &Sample) {
        let Some(kind) = self.witness.wants(sample) else { return };
        // Others have used the room since: the same choices give the same request.
        let since = sample.sent.map_or(0, |sent| self.clock.now().since(sent));
        let sent_at = unix_millis().saturating_sub(since / 1_000_000);
        // What was too large to be sent is shown as far as it is kept.
        let wording = self.word_at(key, sent_at).unwrap_or(Wording::InRoom);
        self.put_in_room(key, wording);
        let exchange = &mut self.iterations[key].exchange;
        let (heard, check) = (std::mem::take(&mut exchange.heard), exchange.failed_check);
        let said = exchange.said.take();
        let request = self.room.request.as_slice();
        let by_http2 = self.messages.as_ref().map(|_| message::shown(request));
        let request = by_http2.as_deref().unwrap_or(request);
        let iteration = &self.iterations[key];
        let user = &self.users[iteration.user];
        let (variables, rows) = (&*user.variables, self.plan.rows());
        let known = Known { variables, user: user.number, iteration: iteration.number, rows };
        let cookies = user.cookies();
        self.witness.keep(kind, sample, Wires { request, heard, check, said, cookies }, known);
    }
}
