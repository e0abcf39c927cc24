//! What is wrong with names: of steps and flows, which people read, and of variables.

use super::super::problems::Fault;
use super::super::template::parse::BUILT_IN;

/// What is wrong with a name that people read in reports.
pub(crate) fn name_fault(name: &str) -> Option<Fault> {
    const LONGEST: usize = 200;
    if name.trim().is_empty() {
        return Some(Fault::new("a name cannot be empty"));
    }
    if name.trim() != name || name.contains(char::is_control) {
        return Some(Fault::new(format!(
            "the name \"{name}\" has blanks around it or line breaks"
        )));
    }
    (name.len() > LONGEST).then(|| Fault::new(format!("a name has at most {LONGEST} bytes")))
}

/// What is wrong with the name of a variable or a constant.
pub(crate) fn variable_fault(name: &str) -> Option<Fault> {
    let valid = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts || !name.chars().all(valid) {
        let fault = Fault::new(format!("\"{name}\" is not the name of a variable"));
        if name.contains("{{") {
            return Some(fault.help("write the bare name, without braces; it cannot be filled in"));
        }
        return Some(fault.help("letters, digits, _, - and . only, with a letter first"));
    }
    BUILT_IN.contains(&name).then(|| {
        let fault = Fault::new(format!("{{{{{name}}}}} has a meaning of its own"));
        fault.help("choose another name")
    })
}
