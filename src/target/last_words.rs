//! What the last words of a target that ended say: the line that tells most, and what to do.
//!
//! Lines of output come in, which are the target's and so may say anything; nothing is done by
//! them but to choose one and an advice.

/// What a line says, in small letters, and what is to be done then.
const ADVICE: [(&str, &str); 9] = [
    ("cannot find module '/", "correct the file in \"command\", or \"cwd\", of \"target\""),
    ("err_module_not_found", INSTALL),
    ("cannot find module", INSTALL),
    ("cannot find package", INSTALL),
    ("no module named", INSTALL),
    ("eaddrinuse", "stop what listens on that port, or give another one in \"url\" of \"target\""),
    ("address already in use", "stop what listens on that port, or give another one in \"url\""),
    ("econnrefused", "start what it connects to, such as its database"),
    ("missing script", "correct the script in \"command\" of \"target\""),
];
const INSTALL: &str = "install its dependencies first, such as with npm ci";
/// What to do about anything else.
const OTHER: &str = "mend what it says";
/// Letters of a line.
const LENGTH: usize = 200;

/// The line that tells most: the first one with an error, or else the last one.
pub(super) fn telling(words: &[String]) -> Option<String> {
    let tells = |line: &&String| {
        let small = line.to_lowercase();
        let is_place = small.trim_start().starts_with("at ") || small.starts_with("node:");
        !is_place && ["error", "cannot", "fatal", "panic"].iter().any(|sign| small.contains(sign))
    };
    let is_code = |line: &&String| line.contains("throw ") || line.trim().is_empty();
    let found = words.iter().filter(|line| !is_code(line)).find(tells);
    let line = found.or_else(|| words.iter().rev().find(|line| !line.trim().is_empty()))?;
    Some(line.trim().chars().take(LENGTH).collect())
}

/// What to do about a line.
pub(super) fn advice(line: &str) -> &'static str {
    let small = line.to_lowercase();
    let known = ADVICE.iter().find(|(sign, _)| small.contains(sign));
    known.map_or(OTHER, |(_, advice)| advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(words: &str, line: &str, what: &str) {
        let words: Vec<String> = words.lines().map(str::to_owned).collect();
        let told = telling(&words).unwrap();
        assert!(told.contains(line), "{told}");
        assert!(advice(&told).contains(what), "{told}: {}", advice(&told));
    }

    #[test]
    fn the_line_with_the_error_is_chosen_and_what_to_do_about_it() {
        says(
            "node:internal/modules/package_json_reader:314\n  throw new ERR_MODULE_NOT_FOUND(name);\n\n\
             Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'fastify' imported from /a/app.js\n\
             \x20   at Object.getPackageJSONURL (node:internal/x:1:2) {\n  code: 'x'\n}\nNode.js v22",
            "Cannot find package 'fastify'",
            "npm ci",
        );
        says("Error: Cannot find module '/a/servr.js'", "servr.js", "correct the file");
        says("x\nError: listen EADDRINUSE: address already in use :::3000", "EADDRINUSE", "stop");
        says("Error: connect ECONNREFUSED 127.0.0.1:5432", "5432", "database");
        says("starting\nno good\n", "no good", "mend what it says");
        assert_eq!(telling(&["  ".to_owned()]), None);
        assert_eq!(telling(&[]), None);
    }
}
