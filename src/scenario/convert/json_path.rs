//! Paths to values of JSON documents.

use super::super::json_path::JsonPath;
use super::super::problems::Fault;

/// The parser of paths is recursive and backtracks; nobody's path is near these bounds.
pub(super) fn json_path(text: &str) -> Result<JsonPath, Fault> {
    const LONGEST: usize = 200;
    const DEEPEST: usize = 8;
    let help = "write it like \"$.items[0].id\"";
    let open = text.bytes().filter(|byte| b"([!".contains(byte)).count();
    if text.len() > LONGEST || open > DEEPEST {
        let fault = format!("a path has at most {LONGEST} bytes and {DEEPEST} brackets");
        return Err(Fault::new(fault));
    }
    JsonPath::parse(text).map_err(|error| {
        let (message, offset) = (error.message(), error.position().saturating_sub(1));
        Fault::new(format!("\"{text}\" is not a JSONPath: {message}")).help(help).offset(offset)
    })
}
