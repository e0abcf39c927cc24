//! Texts about the other words of reports and scenarios.

use super::Entry;

/// As docs/vocabulary.md has them.
pub(super) const VOCABULARY: &[Entry] = &[
    Entry {
        names: &["open loop", "open model"],
        meaning: "Requests are sent when they are due, however slowly the target answers, \
            as from users who know nothing of each other.",
        why: "A closed loop waits for answers: a target that stalls then meets less load, \
            and its stall hardly shows.",
        advice: "Choose a rate that users cause, not a number of connections.",
    },
    Entry {
        names: &["closed loop", "closed model", "users"],
        meaning: "A number of users, each of whom asks again when the answer has come and the \
            thinking is over.",
        why: "It is how workers and pools of connections load a service. A slow target is asked for \
            less, so the percentiles look better than what others would have waited.",
        advice: "Use a rate for people who come and go, and users for clients that wait for each \
            answer.",
    },
    Entry {
        names: &["response time"],
        meaning: "From when a request was due until its answer had ended.",
        why: "It is what a user waits for, and contains waiting for a target that is \
            behind.",
        advice: "Objectives read it. Compare it with the service time to see how much is \
            waiting.",
    },
    Entry {
        names: &["service time"],
        meaning: "From when a request was sent until its answer had ended.",
        why: "It leaves out what waited to be sent, so it looks good where a target is \
            overloaded.",
        advice: "Read it beside the response time; gate on the response time.",
    },
    Entry {
        names: &["warm-up", "warmup"],
        meaning: "The beginning of a run that is kept out of the verdict: a stage with \
            \"warmup\": true, or else the first 10 s, at most a quarter.",
        why: "Caches and compilers are cold at first; users of a service that runs for days \
            do not meet that.",
        advice: "Declare it as a stage. If cold starts matter, do not: then they are \
            judged.",
    },
    Entry {
        names: &["window"],
        meaning: "The seconds that are judged: all but the warm-up.",
        why: "A verdict is about these only.",
        advice: "Make it long enough: loadgate check says what it can certify.",
    },
    Entry {
        names: &["objective", "SLO"],
        meaning: "A service level objective: a limit such as p99 < 500ms or error_rate < \
            0.1%.",
        why: "The verdict of a run is whether they are met, with 95 % confidence.",
        advice: "Write few, and those that you would act upon.",
    },
    Entry {
        names: &["confidence", "interval"],
        meaning: "The range in which a figure lies with 95 % certainty, given how many \
            requests there were.",
        why: "A run of 100 requests says little about p99. An objective is met only if the \
            whole range is within it.",
        advice: "More requests make it narrower.",
    },
    Entry {
        names: &["finding"],
        meaning: "A doubt about a measurement, or something that was seen besides, with its \
            evidence. It may void a run, withhold a pass, warn, or be a note.",
        why: "Figures that look good may be the generator's, the machine's or the \
            scenario's doing.",
        advice: "Each has its advice; loadgate explain NAME says more.",
    },
    Entry {
        names: &["scenario"],
        meaning: "The file that says what to send, how hard, and what is good enough: JSON \
            or YAML.",
        why: "The same scenario and seed give the same requests at the same moments.",
        advice: "See docs/scenario.md; loadgate check lists every mistake.",
    },
    Entry {
        names: &["flow"],
        meaning: "A sequence of steps that one virtual user walks through; flows have \
            weights.",
        why: "The mix of flows is the load that you test.",
        advice: "Take the weights from what users do.",
    },
    Entry {
        names: &["iteration"],
        meaning: "One walk of a virtual user through a flow. Rates count iterations.",
        why: "A flow of three requests at 100/s is 300 requests per second.",
        advice: "Keep it in mind when you set a rate.",
    },
    Entry {
        names: &["duet"],
        meaning: "Baseline and candidate run side by side on one machine under the same \
            load, and are compared.",
        why: "What the machine does meets both, so much smaller differences are seen than \
            between two runs.",
        advice: "loadgate duet SCENARIO --baseline-ref origin/main.",
    },
    Entry {
        names: &["segment"],
        meaning: "One start of both arms of a duet, loaded and measured.",
        why: "Two starts of one build differ; several segments tell that from a change.",
        advice: "Nothing: --within plans how many there are.",
    },
    Entry {
        names: &["pilot"],
        meaning: "The first seconds of a duet, by which the rest is planned.",
        why: "It tells what can be seen on this machine and whether both arms can run at \
            once.",
        advice: "Nothing; --pilot sets its length.",
    },
    Entry {
        names: &["start noise"],
        meaning: "By how much two starts of one build differ.",
        why: "A difference smaller than that is no regression.",
        advice: "Measure it with loadgate noise, and give it to duet with --start-noise.",
    },
    Entry {
        names: &["tolerance"],
        meaning: "How much worse a candidate may be and still pass.",
        why: "Every change moves something a little; without a tolerance enough evidence \
            would call anything regressed.",
        advice: "--tolerance 10%, or --cpu-tolerance 4%.",
    },
    Entry {
        names: &["gates", "watches"],
        meaning: "A metric that gates must be shown to be no worse for a pass. One that \
            watches can only call the candidate regressed; no pass waits for it.",
        why: "Some metrics can never be decided in the time that there is.",
        advice: "The comparison's table says which is which; --metrics names those that \
            gate.",
    },
    Entry {
        names: &["baseline"],
        meaning: "What is compared with: in a duet another build beside the candidate, or a \
            file of runs that were accepted.",
        why: "A verdict about a change needs what it changed from.",
        advice: "loadgate baseline accept, or loadgate duet --baseline-ref.",
    },
    Entry {
        names: &["noise"],
        meaning: "By how much the target differs from itself on this machine, from start to \
            start and from minute to minute.",
        why: "It is the smallest difference that a comparison can see.",
        advice: "Measure it with loadgate noise.",
    },
    Entry {
        names: &["noisy neighbour", "noisy", "neighbours"],
        meaning: "A tenant that does many times as much as before for a stage of the load; the \
            neighbours are all other tenants meanwhile.",
        why: "Who shares a target with others must not be slow because of them.",
        advice: "Write \"noisy\" into a stage and objectives under \"neighbours\"; a quota or a \
            queue for each tenant keeps them apart.",
    },
    Entry {
        names: &["capacity"],
        meaning: "The highest rate of arrivals, or number of users, at which a target keeps to the \
            objectives, as an interval: its lower bound was within them, its upper bound beyond.",
        why: "It says how far away the next limit is, and whether a change has moved it.",
        advice: "Find it with loadgate capacity; --at-least makes it a gate.",
    },
    Entry {
        names: &["seed"],
        meaning: "The number that decides every arrival and every choice of a run.",
        why: "The same seed gives the same requests, whatever the number of workers.",
        advice: "Leave it; change it to see whether a result depends on it.",
    },
    Entry {
        names: &["arrivals", "poisson", "uniform"],
        meaning: "How the starts of iterations are spread: poisson, as from many \
            independent users, or uniform, evenly spaced.",
        why: "Evenly spaced arrivals understate queueing.",
        advice: "Keep poisson.",
    },
    Entry {
        names: &["soak"],
        meaning: "A run of hours that looks for what grows: memory, heap, descriptors, threads, \
            event-loop delay, response times and errors.",
        why: "A leak of 30 MB an hour is in no run of a minute, and ends a service in a day.",
        advice: "loadgate soak SCENARIO -d 8h, before a launch and after large changes.",
    },
    Entry {
        names: &["leak"],
        meaning: "Memory, heap, descriptors or threads of the target grow by more per hour than \
            their limit, with 99 % confidence.",
        why: "What only grows is used up some day; the report says when, if it knows the limit.",
        advice: "Compare two heap snapshots an hour apart, and count what the descriptors are \
            open for.",
    },
    Entry {
        names: &["drift"],
        meaning: "The response time, the event-loop delay or the error rate grows by more per \
            hour than its limit, with 99 % confidence.",
        why: "What gets slower every hour is slow tomorrow, although today's objectives are met.",
        advice: "Look at what fills up: a table without an index, a cache without an end, a list \
            of listeners.",
    },
    Entry {
        names: &["error budget"],
        meaning: "The share of bad requests that an objective allows, over 30 days or the \
            scenario's \"budget_window\".",
        why: "It says how much may still go wrong before the objective is missed for the \
            month.",
        advice: "See docs/error-budget.md.",
    },
    Entry {
        names: &["burn rate"],
        meaning: "How many times as fast as would just last a run burns its error budget: the \
            share of bad requests ÷ the share that is allowed.",
        why: "At 14.4 a month's budget is gone in two days, at 6 in five, at 1 at the end of \
            the month.",
        advice: "Look at the objective that burns fastest, and at the step it is about.",
    },
    Entry {
        names: &["incident", "incident class", "P0", "P1", "P2", "P3"],
        meaning: "What a run would have raised in production: P0 service down, P1 major \
            function impaired, P2 budget burns fast, P3 objective missed.",
        why: "It says who would have been woken. Only what is certain counts.",
        advice: "See docs/error-budget.md for the rules, docs/sre/performance-gate.md for what \
            a team does.",
    },
    Entry {
        names: &["headroom", "ceiling"],
        meaning: "By what share more than today's peak the instances may serve; the ceiling is \
            the share of their capacity that may be used.",
        why: "Growth uses it up, and a capacity plan says when.",
        advice: "loadgate plan; see docs/capacity-plan.md.",
    },
    Entry {
        names: &["contention", "coherency", "universal scalability law"],
        meaning: "How throughput grows with the requests in the target: contention is the part \
            of the work that queues for something shared, coherency what requests cost each \
            other the more there are.",
        why: "Contention sets an end to throughput; coherency makes more load slower beyond a \
            peak.",
        advice: "It is an explanation, not a verdict. Look for the core, lock or pool that is \
            shared.",
    },
    Entry {
        names: &["stress test", "overload"],
        meaning: "A target is ramped up until it does not keep up, loaded beyond that, and left \
            alone until it is as before.",
        why: "How a target fails under too much load, and whether it comes back, is seen in no \
            run at a usual rate.",
        advice: "loadgate stress, before a launch, against a target that nobody else needs.",
    },
    Entry {
        names: &["breaking rate"],
        meaning: "The first rate of a stress test's ramp at which more than 5 % of the requests \
            fail, or requests in flight grow.",
        why: "Beyond it a target does not get slower but breaks.",
        advice: "Keep the busiest hour well below it; breaking_rate >= 500/s gates on it.",
    },
    Entry {
        names: &["goodput"],
        meaning: "Requests per second that end as the scenario expects; at 1.5x as a share of the \
            best before the overload.",
        why: "A target that sheds what is too much keeps its goodput; one that works for clients \
            that have given up loses it.",
        advice: "Bound the queues, and refuse early with 429 or 503.",
    },
    Entry {
        names: &["tenant", "tenants"],
        meaning: "Whom an iteration is for. The largest are told apart, all others are counted \
            together.",
        why: "One customer in a hundred may suffer while every figure of all looks well.",
        advice: "Add \"tenants\" to the scenario and to its slo; see who has the longest p99.",
    },
    Entry {
        names: &["spread"],
        meaning: "Of tenants: the longest p99 divided by that of the tenant in the middle.",
        why: "Much more than one means that somebody gets another service than the others.",
        advice: "Look at what that tenant has more of: rows, files, requests at a time.",
    },
    Entry {
        names: &["apdex"],
        meaning: "How satisfied whoever waits is, from 0 to 1: an answer within T counts whole, \
            within four times T half, a later one or a failure not at all.",
        why: "One number for slow and for failed requests, that a service may already promise.",
        advice: "A percentile says more; apdex(300ms) >= 0.9 gates on it where it is asked for.",
    },
    Entry {
        names: &["check rate"],
        meaning: "Of the requests that were answered, the share whose status, headers and body \
            are as the step's check says.",
        why: "A fast wrong answer is worse than a slow right one.",
        advice: "check_rate >= 99.9% gates on it; error_rate counts what was not answered as well.",
    },
    Entry {
        names: &["recovery", "recovery time"],
        meaning: "From the end of an overload until p99 and requests in flight are as before for \
            five seconds in a row.",
        why: "For so long users feel a peak that is over.",
        advice: "Drop work that nobody waits for any more; recovery < 30s gates on it.",
    },
    Entry {
        names: &["metastable"],
        meaning: "The target did not come back although the overload was over.",
        why: "Something keeps the overload up: retries, a backlog of stale work, cold caches. \
            Only less load or a restart ends it.",
        advice: "Bound retries and queues, give each request a deadline, and test again.",
    },
    Entry {
        names: &["handshake", "TLS handshake"],
        meaning: "What both sides of a TLS connection say before the first request: keys are agreed \
            upon, and the target shows its certificate.",
        why: "It is part of the time to connect, and costs a target far more than a request on a \
            connection that is there.",
        advice: "Compare handshake with connect in the phases; let the target keep connections.",
    },
    Entry {
        names: &["resumption", "resumed handshake"],
        meaning: "A handshake that goes on with the session of an earlier connection, and so needs \
            no certificate.",
        why: "A user who comes back may resume; a new one cannot. So it is off unless \"resumption\" \
            of \"tls\" is true.",
        advice: "run.json counts both kinds; choose what your users do.",
    },
    Entry {
        names: &["ALPN"],
        meaning: "How the version of HTTP is agreed upon in a TLS handshake. loadgate offers one: \
            HTTP/1.1, or HTTP/2 with \"http2\": true.",
        why: "Two protocols would be two loads in one figure.",
        advice: "A target that speaks only the other one is told before the load; set \"http2\".",
    },
    Entry {
        names: &["GOAWAY"],
        meaning: "The word of HTTP/2 by which a target ends a connection: requests up to a number \
            are still answered, later ones were not begun.",
        why: "Those that were not begun are sent once more, on another connection, and counted as \
            repeats.",
        advice: "Many are a setting of the target (keepalive_requests in nginx); raise it.",
    },
    Entry {
        names: &["stream"],
        meaning: "One request and its answer on a connection of HTTP/2, which carries many at a \
            time.",
        why: "How many share a connection is decided by \"streams\" of \"limits\" and by the target.",
        advice: "Set \"connections\" and \"streams\" as the clients or the proxy of your users do.",
    },
    Entry {
        names: &["first event", "event gap"],
        meaning: "The time from the moment at which a stream of server-sent events was due to its \
            first event, and the times from one event to the next.",
        why: "The response time of a stream is how long it was watched, which says nothing of how \
            quick it is.",
        advice: "first_event.p95 < 500ms and event_gap.p99 < 2s are objectives; a stream that breaks \
            counts as too late.",
    },
    Entry {
        names: &["round trip"],
        meaning: "The time from a message over a WebSocket to the one that was expected next.",
        why: "The response time of a WebSocket is that of the whole conversation, pauses included.",
        advice: "round_trip.p95 < 100ms is an objective; one that never came is too late.",
    },
    Entry {
        names: &["certificate"],
        meaning: "By what a target proves in the handshake that it has the name it is asked for.",
        why: "One that nobody trusted here has signed, that is for another name or has ended is no \
            target (exit code 7).",
        advice: "\"ca\" of \"tls\" says whom to trust; target.certificate_days >= 14 gates on its end.",
    },
    Entry {
        names: &["prior knowledge", "h2c"],
        meaning: "HTTP/2 in the clear from the first byte on, as it is known beforehand that the \
            target speaks it.",
        why: "Without TLS nothing agrees upon a version.",
        advice: "Write \"http2\": \"prior-knowledge\" beside a url of http://.",
    },
];
