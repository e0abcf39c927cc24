//! Texts about what comes out: verdicts, exit codes, outcomes and metrics.

use super::Entry;

/// How a measurement is judged.
pub(super) const VERDICTS: &[Entry] = &[
    Entry {
        names: &["pass"],
        meaning: "Every objective is met, with 95 % confidence where it is about a share of \
            requests, and every step has worked. In a duet or against a baseline: nothing that \
            gates got worse by more than the tolerance.",
        why: "It is said only where the evidence is enough for it; a run that could not \
            have seen a miss never passes.",
        advice: "Nothing.",
    },
    Entry {
        names: &["SLO missed"],
        meaning: "At least one objective of the scenario is missed, and the generator is \
            not why.",
        why: "The target is slower or fails more often than its service level allows, at \
            this load.",
        advice: "Read the objective's row: it says what was measured and what is allowed. \
            Then look at the steps and at what was full (saturation).",
    },
    Entry {
        names: &["leak found", "drift found"],
        meaning: "In a soak: memory, descriptors or threads of the target grow faster than their \
            limit (a leak), or its times or errors do (a drift), with 99 % confidence.",
        why: "It counts as a missed objective, whatever the objectives of the scenario say: what \
            grows for hours is used up some day.",
        advice: "Read the row that grows, and the time to the memory limit. Then look for what is \
            kept: heap snapshots an hour apart, open descriptors, caches without an end.",
    },
    Entry {
        names: &["regressed"],
        meaning: "The candidate is surely worse than the baseline by more than the \
            tolerance.",
        why: "The difference is larger than what two starts of one build differ by, and \
            than chance.",
        advice: "Read the metric's row for the difference. If it is intended, accept it: a \
            wider --tolerance for this metric, or loadgate baseline accept.",
    },
    Entry {
        names: &["inconclusive", "undecided"],
        meaning: "There is too little evidence to say that an objective is met or missed, \
            or that a candidate is as good as the baseline.",
        why: "It is neither a pass nor a failure. To call it a pass would hide what the \
            measurement could not see.",
        advice: "Run longer or at a higher rate: the report says how many requests would \
            decide. In a pipeline --inconclusive pass or fail says what it counts as.",
    },
    Entry {
        names: &["invalid"],
        meaning: "The measurement says nothing about the target: the generator was the \
            limit, or a step of the scenario never worked.",
        why: "Figures of a generator that could not keep up are its own, not the target's.",
        advice: "Read the finding that voids the run; it says what to change. Often: a \
            lower rate, a machine with more free cores, or a mended step.",
    },
    Entry {
        names: &["target lost"],
        meaning: "The target was not ready in time, or died under load.",
        why: "Whatever was measured before is not how the target behaves in service.",
        advice: "Read the target's last words in target.log, and the scenario's \"ready\" and \
            \"command\".",
    },
    Entry {
        names: &["improved"],
        meaning: "In a comparison: the candidate is surely better than the baseline by more \
            than the tolerance.",
        why: "It is a pass. A large improvement that nobody expected is worth a look: a \
            step may do less than before.",
        advice: "Nothing, or accept it as the new baseline.",
    },
];

/// What a pipeline learns.
pub(super) const EXIT_CODES: &[Entry] = &[
    Entry {
        names: &["0", "exit code 0"],
        meaning: "Pass: every objective is met.",
        why: "A pipeline goes on.",
        advice: "Nothing.",
    },
    Entry {
        names: &["1", "exit code 1"],
        meaning: "The tool failed: it could not do its job, such as write its reports.",
        why: "There is no verdict, or a pass that could not be kept.",
        advice: "Read the message on standard error.",
    },
    Entry {
        names: &["2", "exit code 2"],
        meaning: "The command line, the scenario or a stored record is wrong.",
        why: "Nothing was measured.",
        advice: "Mend what the message names; it has file, line and column. loadgate check \
            finds all mistakes at once.",
    },
    Entry {
        names: &["3", "exit code 3"],
        meaning: "An objective was missed (SLO missed).",
        why: "The target does not hold its service level.",
        advice: "See loadgate explain 'SLO missed'.",
    },
    Entry {
        names: &["4", "exit code 4"],
        meaning: "Regressed against the baseline.",
        why: "The change made the target worse.",
        advice: "See loadgate explain regressed.",
    },
    Entry {
        names: &["5", "exit code 5"],
        meaning: "Inconclusive: too little evidence.",
        why: "Neither a pass nor a failure.",
        advice: "Run longer, or map it with --inconclusive pass or fail.",
    },
    Entry {
        names: &["6", "exit code 6"],
        meaning: "Invalid: the generator was the limit, or a step never worked.",
        why: "Nothing is known of the target.",
        advice: "See loadgate explain invalid.",
    },
    Entry {
        names: &["7", "exit code 7"],
        meaning: "The target was not ready in time, or died.",
        why: "There is nothing to judge.",
        advice: "Read target.log in the run folder.",
    },
    Entry {
        names: &["130", "143", "exit code 130", "exit code 143"],
        meaning: "Interrupted by Ctrl-C (130) or a request to end (143).",
        why: "What was measured until then is saved and reported.",
        advice: "Run again, or render it with loadgate report.",
    },
];

/// How a request ended.
pub(super) const OUTCOMES: &[Entry] = &[
    Entry {
        names: &["ok"],
        meaning: "Answered as the scenario expects.",
        why: "Only these and the requests without a full answer are in the response times.",
        advice: "Nothing.",
    },
    Entry {
        names: &["rejected"],
        meaning: "Refused with 429, and the step does not expect it.",
        why: "A rate limit of the target or of something before it answered, not the \
            target's work.",
        advice: "Lift the limit for the test, or expect 429 in the step's check.",
    },
    Entry {
        names: &["client error"],
        meaning: "Another status 4xx that the step does not expect.",
        why: "The request is wrong, or its data ran out; a quick 404 is no work for the \
            target.",
        advice: "Look at the first failing exchange in the report; mend the path, the token \
            or the body.",
    },
    Entry {
        names: &["server error"],
        meaning: "A status 5xx.",
        why: "The target failed at its job.",
        advice: "Look at the first failing exchange and at target.log.",
    },
    Entry {
        names: &["check failed"],
        meaning: "Answered, but not as the scenario says: another status, or a value to \
            extract was missing.",
        why: "Without checks a target that answers every request with an error page would \
            look quick.",
        advice: "Look at the first failing exchange; mend the check or the target.",
    },
    Entry {
        names: &["timeout"],
        meaning: "No full answer within the step's time limit.",
        why: "It counts in the response times with its limit, so that hanging requests \
            cannot flatter them.",
        advice: "Find what the target waits for; or raise the step's \"timeout\" if so long \
            an answer is fine.",
    },
    Entry {
        names: &["transport error"],
        meaning: "No full answer: the connection was refused, reset or closed, or what came \
            was not HTTP.",
        why: "A user would have seen an error.",
        advice: "The report names the causes. Refused: nobody listens. Reset or closed: the \
            target crashed or closes too early.",
    },
    Entry {
        names: &["unsent"],
        meaning: "Due, and never sent: the generator was late, or had no descriptors, ports \
            or room left.",
        why: "What was due counts as if it had timed out; a generator that leaves requests \
            out would measure an easier load.",
        advice: "Raise the limits, lower the rate, or give the generator cores of its own.",
    },
];

/// What an objective or a gate is about.
pub(super) const METRICS: &[Entry] = &[
    Entry {
        names: &["p95", "p50", "p90", "p99", "p99.9", "quantile", "percentile", "median"],
        meaning: "A quantile of the response time: 95 % of the requests took at most p95, \
            the others longer. p50 is the median, half of the requests are faster.",
        why: "A mean hides the slow requests that users remember; an objective such as p95 \
            < 200ms is about the slowest twentieth.",
        advice: "Set the limit from what users may wait for. The further out the quantile, \
            the more requests are needed: loadgate check says how many.",
    },
    Entry {
        names: &["max"],
        meaning: "The longest response time of all requests.",
        why: "It is one request, and speaks of this run only: the next run has another.",
        advice: "Gate on p99 or p99.9, and read max as a hint.",
    },
    Entry {
        names: &["error_rate"],
        meaning: "The share of requests with any outcome but ok.",
        why: "Quick failures make response times look good.",
        advice: "Keep error_rate < 0.1% or the like in every scenario.",
    },
    Entry {
        names: &["server_error_rate"],
        meaning: "The share of requests answered with 5xx.",
        why: "It is the part of the errors that is surely the target's.",
        advice: "See loadgate explain 'server error'.",
    },
    Entry {
        names: &["client_error_rate"],
        meaning: "The share of requests answered with 4xx that the steps do not expect, but \
            for 429.",
        why: "A scenario with wrong requests measures the target's error pages.",
        advice: "See loadgate explain 'client error'.",
    },
    Entry {
        names: &["check_failure_rate"],
        meaning: "The share of requests answered, but not as the scenario says.",
        why: "An answer that is wrong is no answer, however quick.",
        advice: "See loadgate explain 'check failed'.",
    },
    Entry {
        names: &["timeout_rate"],
        meaning: "The share of requests without a full answer within their time limit.",
        why: "A user gives up, too.",
        advice: "See loadgate explain timeout.",
    },
    Entry {
        names: &["transport_error_rate"],
        meaning: "The share of requests that got no full answer: refused, reset, closed or \
            unreadable.",
        why: "The connection failed before the target could answer.",
        advice: "See loadgate explain 'transport error'.",
    },
    Entry {
        names: &["rejected_rate"],
        meaning: "The share of requests refused with 429 that the steps do not expect.",
        why: "The load met a rate limit.",
        advice: "See loadgate explain rejected.",
    },
    Entry {
        names: &["unsent_rate"],
        meaning: "The share of due requests that were never sent.",
        why: "Above 0.1 % the run is invalid.",
        advice: "See loadgate explain unsent.",
    },
    Entry {
        names: &["availability"],
        meaning: "The share of requests that were not answered with 5xx, did not time out, \
            had no transport error and were sent.",
        why: "It is what a service level usually promises: availability >= 99.9%.",
        advice: "See which of the failures there are: the report has a table of outcomes by \
            step.",
    },
    Entry {
        names: &["cpu", "CPU per request", "cpu time"],
        meaning: "The target's CPU time per request. In a duet it gates where loadgate \
            starts both arms.",
        why: "It is much steadier than response times: 4 % more work is seen where 4 % more \
            time is lost in noise.",
        advice: "Profile the candidate; --cpu-tolerance says how much more is accepted.",
    },
];
