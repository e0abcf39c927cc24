//! What every judged subject says in the same way: the verdict, findings, and what cannot
//! be known.

use crate::analysis::assessment::{Finding, Severity, Verdict};
use crate::report::document::medium::Shown;
use crate::report::document::suite::{Case, CaseResult};
use crate::report::document::text::Text;
use crate::report::document::tone::Tone;
use crate::report::document::{self, Block, Headline, Section};

/// Verdict, scenario and reasons.
pub(super) fn headline(verdict: Verdict, scenario: &str, reasons: &[String]) -> Headline {
    Headline {
        verdict: verdict.name(),
        tone: tone(verdict),
        scenario: scenario.into(),
        extent: Vec::new(),
        extent_shown: Shown::Everywhere,
        answer: None,
        to_do: None,
        reasons: reasons.iter().map(|reason| Text::lines(reason)).collect(),
    }
}

fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Pass => Tone::Good,
        Verdict::SloMissed | Verdict::Regressed | Verdict::TargetLost => Tone::Bad,
        Verdict::Inconclusive => Tone::Doubt,
        Verdict::Invalid => Tone::Invalid,
    }
}

/// Doubts and warnings, each with what to do.
pub(super) fn findings(findings: &[Finding]) -> Section<'static> {
    Section::new("Findings").with(Block::Findings(findings.iter().map(finding).collect()))
}

fn finding(finding: &Finding) -> document::Finding {
    document::Finding {
        weight: weight(finding.severity),
        tone: match finding.severity {
            Severity::Note => Tone::Muted,
            Severity::Warning | Severity::Withholds => Tone::Doubt,
            Severity::Invalidates => Tone::Bad,
        },
        kind: finding.kind.into(),
        evidence: Text::from(&finding.evidence),
        advice: Text::from(&finding.advice),
    }
}

fn weight(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Withholds => "rules out a pass",
        Severity::Invalidates => "invalidates the run",
    }
}

/// A finding in a line.
pub(super) fn finding_line(finding: &Finding) -> String {
    format!("{}: {} → {}", weight(finding.severity), finding.evidence, finding.advice)
}

/// What the measurement cannot say.
pub(super) fn unknowns(limits: &[String]) -> Section<'static> {
    let title = "What this run cannot say";
    Section::new(title).folded(title).with(Block::List(Text::all(limits)))
}

/// Whether the figures can be trusted at all, as a case of its own.
pub(super) fn validity(name: &str, scenario: &str, verdict: Verdict, reasons: &[String]) -> Case {
    let result = match verdict {
        Verdict::Pass | Verdict::SloMissed | Verdict::Regressed | Verdict::Inconclusive => {
            CaseResult::Passed
        }
        Verdict::Invalid | Verdict::TargetLost => {
            CaseResult::Failed(verdict.name(), joined(reasons))
        }
    };
    Case { name: name.into(), group: scenario.into(), seconds: None, result, printed: Vec::new() }
}

/// All reasons in a line.
pub(super) fn joined(reasons: &[String]) -> Text {
    if reasons.is_empty() {
        return Text::kept("");
    }
    let reasons: Vec<String> = Text::all(reasons).iter().map(Text::to_string).collect();
    reasons.join("; ").into()
}
