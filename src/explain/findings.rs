//! Texts about findings: doubts about a measurement, and what was seen besides.

use super::Entry;

/// Each by the name that it has in records.
pub(super) const FINDINGS: &[Entry] = &[
    Entry {
        names: &["never_worked"],
        meaning: "A step was tried and did not succeed once in the whole run, warm-up \
            included.",
        why: "A scenario that does not work measures error pages. The run is invalid.",
        advice: "Mend the request, its check or its extract, or the target. The report has \
            the first failing exchange.",
    },
    Entry {
        names: &["never_tried"],
        meaning: "A step was never tried, or in the warm-up only, or never answered before the \
            run was cut short.",
        why: "Nothing is known of it, so the run cannot pass.",
        advice: "Run longer, or raise the weight of its flow; look at the think times \
            before it.",
    },
    Entry {
        names: &["unsent"],
        meaning: "More than 0.1 % of the due requests, or 1 % of a second's, were not sent \
            because the generator was late or out of descriptors or ports.",
        why: "The target met less load than the scenario says. The run is invalid.",
        advice: "Raise the limits, lower the rate, or use a machine of its own.",
    },
    Entry {
        names: &["rows_used_up"],
        meaning: "Each row of data that the scenario takes once (\"order\": \"unique\") had been \
            taken, and iterations that needed one were not begun.",
        why: "The target met less load than the scenario says. The run is invalid.",
        advice: "Add rows, or say what comes then: \"at_end\": \"wrap\" or \"stop\".",
    },
    Entry {
        names: &["in_flight_limit"],
        meaning: "The ceiling on iterations under way was reached while the generator was \
            on time.",
        why: "The target did not keep up with the load, and what was due beyond the ceiling \
            was not sent.",
        advice: "Lower the rate, or raise limits.in_flight.",
    },
    Entry {
        names: &["unjudged_failures"],
        meaning: "Requests failed, and no objective is about failures.",
        why: "Quick failures would pass a gate that asks for times alone.",
        advice: "Add error_rate < 0.1%, or expect those answers in the checks.",
    },
    Entry {
        names: &["load_fell"],
        meaning: "Users waited for longer than a limit, and meanwhile so few requests were sent \
            that those that are missing would have decided.",
        why: "The figures speak of what was sent: a target that stands still for two seconds slows \
            one request of each user, however many others would have come.",
        advice: "Send at a rate, which goes on while the target is slow; or find what holds it up.",
    },
    Entry {
        names: &["teardown"],
        meaning: "A step that is done once after the load failed.",
        why: "What was measured is not concerned, but what the run made may still be there, and the \
            next run may meet it.",
        advice: "Mend the step, or clean the target up by hand.",
    },
    Entry {
        names: &["closed_load"],
        meaning: "The load was users who wait for answers before they ask again.",
        why: "A slow target got fewer requests, and those that were not sent are in no figure.",
        advice: "To see what others would have waited, send at the rate that was reached.",
    },
    Entry {
        names: &["repeats"],
        meaning: "Many requests met a connection that the target had just closed, or were refused \
            as streams of HTTP/2, and were sent once more.",
        why: "Each costs a new connection; other clients may show it as an error.",
        advice: "Let the target announce that it closes, or keep connections for longer \
            (keepAliveTimeout in Node). By HTTP/2 let it allow more streams, or lower \
            limits.streams.",
    },
    Entry {
        names: &["connection_limit"],
        meaning: "A request found no free connection within its time limit.",
        why: "It waited for a connection of the generator's own ceiling.",
        advice: "Raise limits.connections.",
    },
    Entry {
        names: &["rate_not_reached"],
        meaning: "Less than 99 % of what was due was sent.",
        why: "The target met less load than the scenario says.",
        advice: "See the causes of unsent requests.",
    },
    Entry {
        names: &["faults"],
        meaning: "The generator could not do something, such as write to a full disk.",
        why: "Part of the record may be missing.",
        advice: "Mend it and run again.",
    },
    Entry {
        names: &["generator_lost"],
        meaning: "One of several generators did not carry out its part: it was killed, cut off, \
            stopped, came too late, or a part of what it saw is lacking.",
        why: "The target met less than the whole load, and nobody knows how it would have fared. With \
            --lost unsent what the lost one owed counts as unsent, and only where that was next to \
            nothing may the run pass.",
        advice: "See why it was lost, then run again.",
    },
    Entry {
        names: &["unended"],
        meaning: "Requests fell due and have no outcome, although nobody cut the run short.",
        why: "Each request ends at its time limit at the latest: a generator has not told all.",
        advice: "Run again, with generators that are all of this version.",
    },
    Entry {
        names: &["watcher_lost"],
        meaning: "loadgate watch, or the process that it watched beside the target, was lost.",
        why: "What the target used since then is not known, so that no objective on its processes is \
            met.",
        advice: "See why it ended, then run again.",
    },
    Entry {
        names: &["clock_skew"],
        meaning: "The clocks of several generators differ, or nobody knows by how much.",
        why: "Their arrivals lie off the common schedule; response times contain nothing of it.",
        advice: "Bring generators and coordinator nearer to each other.",
    },
    Entry {
        names: &["steal"],
        meaning: "The hypervisor took more than 5 % of a second's CPU.",
        why: "Neither generator nor target had the machine that they seem to have.",
        advice: "A machine that is not shared, or a calmer time.",
    },
    Entry {
        names: &["cpu_pressure"],
        meaning: "Tasks waited for a CPU for more than 20 % of a second.",
        why: "Waiting for a core looks like a slow target.",
        advice: "More cores, or fewer other programs.",
    },
    Entry {
        names: &["load_fell_alone"],
        meaning: "Of several loads of users one sent far fewer requests than usual while its users waited, and its own requests would miss an objective with those that are missing. The sum of all loads hides that.",
        why: "Many fast users hide a few that hang.",
        advice: "Give the steps of that load objectives of their own, or send it at a rate.",
    },
    Entry {
        names: &["target_starved"],
        meaning: "Others used much of the machine before loadgate started the target and under the load, and the target's threads waited for a CPU.",
        why: "A time that others made says nothing of the target: what would be a miss by it alone is left open.",
        advice: "Stop what else runs on the machine, or give target and generator cores of their own.",
    },
    Entry {
        names: &["busy_worker"],
        meaning: "A thread of the generator used more than 80 % of a core over 5 s.",
        why: "Near its own limit the generator is late, and its lateness is in the times.",
        advice: "Add workers or cores, or lower the rate.",
    },
    Entry {
        names: &["machine_full"],
        meaning: "Generator and target together used more than 70 % of the machine.",
        why: "They take time from each other; on a machine of its own the target would be \
            quicker.",
        advice: "Lower the rate or use more cores.",
    },
    Entry {
        names: &["ratio_drift"],
        meaning: "In a duet the difference between the arms drifts over the segments.",
        why: "A difference that grows may be a leak, and one average does not describe it.",
        advice: "Look at the segments one by one; run longer ones.",
    },
    Entry {
        names: &["stall"],
        meaning: "The generator stood still for a while.",
        why: "Requests that were due then left late and all at once, which is a burst that \
            the scenario does not ask for.",
        advice: "A core of its own for the generator.",
    },
    Entry {
        names: &["clock_jump"],
        meaning: "Wall clock and monotonic clock moved against each other, or the machine \
            was suspended.",
        why: "No time that was measured across it can be trusted. The run is invalid.",
        advice: "Run again; keep the machine awake, let its clock be slewed, not set.",
    },
    Entry {
        names: &["receive_lag"],
        meaning: "Responses end when the generator read them, not when the kernel received \
            them, or were read late.",
        why: "The generator's own delay may be in the response times.",
        advice: "Use --receive-clock kernel, on Linux.",
    },
    Entry {
        names: &["preparations"],
        meaning: "Something was too small before the start: local ports, cores or memory.",
        why: "The run may meet that limit instead of the target's.",
        advice: "Raise what the finding names, or lower the plan.",
    },
    Entry {
        names: &["warmup_kept"],
        meaning: "The run settles late, and an objective would be met only without its \
            beginning.",
        why: "Leaving out what is slow until the rest passes would be a choice after the \
            fact.",
        advice: "Declare a longer warm-up stage, if it is one.",
    },
    Entry {
        names: &["not_settled"],
        meaning: "The response time did not settle in the first half of the run.",
        why: "What is judged may still be the beginning.",
        advice: "A longer warm-up or run.",
    },
    Entry {
        names: &["drifting"],
        meaning: "The response time drifts from the window's start to its end.",
        why: "A longer run would show other figures.",
        advice: "Find what fills up; run longer.",
    },
    Entry {
        names: &["stood_still"],
        meaning: "All that was due for 100 ms or more waited until the same moment, in \
            every step.",
        why: "Users of all routes wait at once, which a quantile over all requests may \
            hide.",
        advice: "Find what holds up everything: work on the event loop, garbage collection, \
            a lock, a job at intervals.",
    },
    Entry {
        names: &["memory_grows"],
        meaning: "The target's resident memory surely grew, and as fast in the second half \
            as in the first.",
        why: "It may be a leak.",
        advice: "Run longer to see whether it levels off; take heap snapshots.",
    },
    Entry {
        names: &["metrics_unread"],
        meaning: "The target's metrics could not be read.",
        why: "What was full in the target cannot be said.",
        advice: "Look at the target's \"metrics\" path.",
    },
    Entry {
        names: &["watched_unread"],
        meaning: "Metrics that the scenario names could not be read from the target's page.",
        why: "They have no value in those seconds, and an objective about them may stay \
            undecided.",
        advice: "Correct \"watch\" of \"metrics\"; the finding says what is on the page instead.",
    },
    Entry {
        names: &["database_unread"],
        meaning: "The statistics of the target's PostgreSQL could not be read, or only in part.",
        why: "What the database waited for cannot be said. The run itself is as valid.",
        advice: "Look at \"postgres\" of \"target\", and grant its user pg_monitor.",
    },
    Entry {
        names: &["send_lag"],
        meaning: "How much later than due a request was sent, as far as the generator is to \
            blame. The finding says that 1 % of the requests were late by a share of the \
            tightest limit.",
        why: "Response times count from when a request was due, so the generator's lateness \
            is in them. Where it could decide an objective, that is invalid.",
        advice: "More CPU for the generator, or a lower rate.",
    },
    Entry {
        names: &["saturation"],
        meaning: "How full the target is: CPU, memory, event loop, connection pools, queue. \
            The finding says what was full while an objective was missed.",
        why: "It is the likely cause of slow answers.",
        advice: "Profile, add processes, enlarge the pool.",
    },
    Entry {
        names: &["processes_changed"],
        meaning: "During a soak processes of the target that had lived for a while ended, or \
            others began.",
        why: "A restart gives back what had leaked, and a process more needs memory without \
            leaking. Slopes are compared before and after it, not across.",
        advice: "Find out why they ended: a process that is replaced in time hides what it \
            leaks.",
    },
    Entry {
        names: &["resumed"],
        meaning: "The run was interrupted or killed, and went on later where its schedule had \
            stopped.",
        why: "What lies between is neither load nor failure, and a target that was started \
            again warms up again.",
        advice: "Nothing; run longer if a part is too short to tell.",
    },
    Entry {
        names: &["generator_grows"],
        meaning: "During a soak loadgate itself needed more and more memory, descriptors or \
            CPU.",
        why: "A generator that grows may in the end be the limit.",
        advice: "Please report it with the run folder.",
    },
];
