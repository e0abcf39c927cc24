//! One quantile of the response time at one look: the four statistics, and what they say.
//!
//! Ratios of intervals and blocks are those of the steps, weighed by their requests, where there
//! are several ([`mod@super::strata`]), else of all requests.
//!
//! | statistic | regressed | pass |
//! | --- | --- | --- |
//! | trimmed mean of interval log ratios | lower bound > ln(1 + d) | upper bound < ln(1 + d) |
//! | mean of block log ratios | lower bound > ln(1 + d) | upper bound < ln(1 + 3d) |
//! | signs of far-off intervals | p below the level | p > 0.10 |
//! | pooled ratio, jackknife | lower bound > ln(1 + d) and signs' p < 0.10 | – |
//!
//! | requests beyond the baseline's quantile ([`super::watch`]) | p below the level | – |
//!
//! *Regressed* takes any of them. The first four share nine tenths of the level, the last has
//! one, or, which is the same, the smallest of each p ÷ its share is held against the whole:
//! that is the p which Holm's rule gets. *Pass* takes all of its three, each at the whole
//! level. A pass whose trimmed upper bound lies below −ln(1 + d) is an improvement. With too
//! few requests beyond the quantile only the last one counts, and has the whole level.

use crate::analysis::comparison::{Estimate, Rule, Ruling};
use crate::analysis::gate::center::{block_mean, trimmed};
use crate::analysis::gate::jackknife::pooled;
use crate::analysis::gate::location::Location;
use crate::analysis::gate::series::Measured;
use crate::analysis::gate::sign::Signs;
use crate::analysis::gate::strata::{self, Stratum};
use crate::analysis::gate::watch::Watch;
use crate::record::duet::GateSettings;
use crate::scenario::model::Arm;

/// Requests beyond the quantile that each arm must have before it can be decided.
pub const FEWEST_BEYOND: f64 = 100.0;
/// The share of the level that what watches has.
const WATCH_SHARE: f64 = 0.1;
/// By what each of the four other statistics shares the rest.
pub const STATISTICS: f64 = 4.0 / (1.0 - WATCH_SHARE);
/// Below this p of the signs the pooled ratio counts and nothing passes.
const DISCORDANT: f64 = 0.10;
/// The mean of blocks has to show less than this many tolerances.
const BLOCK_TOLERANCES: f64 = 3.0;

/// What was seen of one quantile.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeEvidence {
    /// The quantile.
    pub share: f64,
    /// Requests beyond it in the arm that has fewer.
    pub beyond: f64,
    /// ln of the largest accepted ratio.
    pub accepted: f64,
    /// ln of the ratio that the mean of blocks has to stay below.
    accepted_of_blocks: f64,
    /// Trimmed mean of the intervals.
    pub trimmed: Option<Location>,
    /// Mean of the blocks.
    pub block: Option<Location>,
    /// Far-off intervals.
    pub signs: Signs,
    /// Pooled ratio, where the signs call for it.
    pub pooled: Option<Location>,
    /// Requests beyond the baseline's quantile.
    pub watch: Option<Watch>,
}

impl TimeEvidence {
    /// All that has been measured says this of a quantile, of the steps or, where there are
    /// none, of all requests.
    pub fn gather(
        measured: &Measured<'_>,
        strata: &[Stratum<'_, '_>],
        share: f64,
        settings: &GateSettings,
    ) -> TimeEvidence {
        let starts = measured.segments.len().max(1) as f64;
        // Two processes per segment, each with its own luck at its start.
        let luck = 2.0 * settings.start_noise.powi(2) / starts;
        let with_luck = |found: Location| found.with_variance(luck);
        let ratios = |width| match strata {
            [] => measured.log_ratios(share, width).concat(),
            steps => strata::log_ratios(steps, share, width).concat(),
        };
        let intervals = ratios(measured.interval_width(share));
        let blocks = ratios(measured.block_width(share));
        let signs = Signs::count(&intervals);
        let discordant = signs.p() < DISCORDANT;
        let fewer = measured.timed(Arm::Baseline).min(measured.timed(Arm::Candidate));
        TimeEvidence {
            share,
            beyond: fewer as f64 * (1.0 - share),
            accepted: settings.tolerance.ln_1p(),
            accepted_of_blocks: (BLOCK_TOLERANCES * settings.tolerance).ln_1p(),
            trimmed: trimmed(&intervals).map(with_luck),
            block: block_mean(&blocks).map(with_luck),
            signs,
            pooled: discordant.then(|| pooled(measured, share)).flatten().map(with_luck),
            watch: Watch::gather(measured, share, settings),
        }
    }

    /// Whether there are enough requests beyond the quantile. A hair of slack, as
    /// (1 − 0.99) · 10,000 is not quite 100.
    pub fn is_enough(&self) -> bool {
        self.beyond >= FEWEST_BEYOND - 1e-6
    }

    /// The smallest level at which this would be called regressed, and by which rule.
    pub fn p_regressed(&self) -> (f64, Rule) {
        let watch = self.watch.map_or(1.0, |watch| watch.p);
        if !self.is_enough() {
            return (watch, Rule::Beyond);
        }
        let p = |of: Option<Location>| of.map_or(1.0, |found| found.p_above(self.accepted));
        let all = [
            (p(self.trimmed), Rule::Trimmed),
            (p(self.block), Rule::Block),
            (self.signs.p(), Rule::Sign),
            (p(self.pooled), Rule::Pooled),
        ];
        let (smallest, rule) =
            all.into_iter().reduce(|a, b| if b.0 < a.0 { b } else { a }).expect("there are four");
        if watch / WATCH_SHARE < STATISTICS * smallest {
            return ((watch / WATCH_SHARE).min(1.0), Rule::Beyond);
        }
        ((STATISTICS * smallest).min(1.0), rule)
    }

    /// What it says when it is not regressed.
    pub fn otherwise(&self, level: f64) -> Ruling {
        let (Some(trimmed), Some(block)) = (self.trimmed, self.block) else {
            return Ruling::Inconclusive;
        };
        let passes = self.is_enough()
            && trimmed.p_below(self.accepted) < level
            && block.p_below(self.accepted_of_blocks) < level
            && !self.is_discordant();
        match passes {
            true if trimmed.p_below(-self.accepted) < level => Ruling::Improved,
            true => Ruling::Pass,
            false => Ruling::Inconclusive,
        }
    }

    /// Whether slow intervals are the candidate's more often than chance would have it.
    pub fn is_discordant(&self) -> bool {
        self.signs.p() <= DISCORDANT
    }

    /// The ratio as the statistic has it that decided, or the trimmed mean: an interval
    /// must hold its own estimate, and a candidate that freezes has another ratio by the
    /// pooled quantiles than in its usual interval. Signs have no ratio; the pooled one
    /// stands in for them.
    pub fn estimate(&self, rule: Option<Rule>, low: f64, high: f64) -> Option<Estimate> {
        let found = match rule {
            Some(Rule::Block) => self.block,
            Some(Rule::Sign | Rule::Pooled | Rule::Beyond) => self.pooled.or(self.trimmed),
            Some(Rule::Trimmed | Rule::SignFlip | Rule::Starts) | None => self.trimmed,
        }?;
        Some(Estimate {
            value: found.value.exp(),
            low: found.lower(low / STATISTICS).exp(),
            high: found.upper(high).exp(),
        })
    }

    /// The two means with the limit that each has to stay below to pass.
    pub fn means(&self) -> impl Iterator<Item = (Location, f64)> {
        let trimmed = self.trimmed.map(|found| (found, self.accepted));
        let block = self.block.map(|found| (found, self.accepted_of_blocks));
        trimmed.into_iter().chain(block)
    }
}
