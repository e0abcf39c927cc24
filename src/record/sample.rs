//! One request as measured.

use crate::record::outcome::{Cause, Outcome};
use crate::record::phase::Phase;
use crate::scenario::model::{StepId, TenantId};
use crate::units::Moment;

/// One request as measured. Always has its intended moment; what did not happen
/// (never sent, no answer) is `None`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Which step.
    pub step: StepId,
    /// Whose request it was.
    pub tenant: TenantId,
    /// When it should have been sent.
    pub intended: Moment,
    /// When its bytes went to the kernel.
    pub sent: Option<Moment>,
    /// When the first bytes of the response arrived.
    pub first_byte: Option<Moment>,
    /// When its last bytes arrived, or when it was given up.
    pub ended: Moment,
    /// The part of sent − intended that is the generator's fault, in nanoseconds:
    /// neither connecting nor waiting for a free connection.
    pub send_lag: u64,
    /// The most that a generator in time could have made the response time shorter, in
    /// nanoseconds: the send lag of this request, or what is still felt of the lag of those
    /// before it, which stand in the target's queue ahead of it.
    pub lag_felt: u64,
    /// How much later the response's last bytes were read than they arrived, in nanoseconds;
    /// `None` where only the generator's own clock is known.
    pub receive_lag: Option<u64>,
    /// Time to connect, in nanoseconds, if this request had to.
    pub connect: Option<u64>,
    /// How much of that was the TLS handshake, in nanoseconds, if there was one.
    pub handshake: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, where the outcome alone does not say.
    pub cause: Option<Cause>,
    /// The status of the response.
    pub status: Option<u16>,
    /// Bytes of the response's body.
    pub body_bytes: u64,
    /// Whether it was sent a second time, as the first had met a connection that the target
    /// had closed.
    pub repeated: bool,
    /// The step's time limit, in nanoseconds.
    pub limit: u64,
}

/// A time within an exchange, of which it may have several: what came of it while it was under
/// way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lap {
    /// The second of the exchange's intended moment.
    pub second: u32,
    /// Which step.
    pub step: StepId,
    /// Whose request it was.
    pub tenant: TenantId,
    /// Which kind of time.
    pub phase: Phase,
    /// How long, in nanoseconds.
    pub nanos: u64,
    /// How often.
    pub count: u32,
}

impl Sample {
    /// Ended − intended, in nanoseconds. A request without a full answer counts at its
    /// time limit, so that percentiles cannot improve because work was dropped, and not
    /// beyond it, as it was given up then, whenever that was noticed.
    pub fn response_time(&self) -> u64 {
        let elapsed = self.ended.since(self.intended);
        match self.outcome {
            Outcome::Timeout | Outcome::TransportError | Outcome::Unsent => self.limit,
            Outcome::Ok
            | Outcome::Rejected
            | Outcome::ClientError
            | Outcome::ServerError
            | Outcome::CheckFailed => elapsed,
        }
    }

    /// Whether its response time is one that objectives read: that of its outcome, and a right answer that
    /// was slower than a check allows. Without it percentiles would be the better the stricter the check.
    pub fn counts_in_response_time(&self) -> bool {
        self.outcome.counts_in_response_time() || self.is_right_but_slow()
    }

    /// Whether nothing is wrong with its answer but the time that it took.
    pub fn is_right_but_slow(&self) -> bool {
        self.cause == Some(Cause::ResponseTimeCheck)
    }

    /// Hands over each time that it has, in nanoseconds. Straight on, and not phase by phase, as
    /// it runs for every request.
    #[inline]
    pub fn each_time(&self, mut record: impl FnMut(Phase, u64)) {
        let response = self.response_time();
        if self.counts_in_response_time() {
            record(Phase::Response, response);
            // The least that it could have been with a punctual generator.
            record(Phase::Least, response.saturating_sub(self.lag_felt));
        } else {
            record(Phase::Failed, response);
        }
        record(Phase::SendLag, self.send_lag);
        if let (Some(sent), Some(first_byte)) = (self.sent, self.first_byte) {
            record(Phase::Service, self.ended.since(sent));
            record(Phase::FirstByte, first_byte.since(sent));
        }
        if let Some(lag) = self.receive_lag {
            record(Phase::ReceiveLag, lag);
        }
        if let Some(connect) = self.connect {
            record(Phase::Connect, connect);
            if let Some(handshake) = self.handshake {
                record(Phase::Handshake, handshake);
            }
        }
    }
}
