//! What happens to the reports at the end of a command: they are opened in a browser, and
//! the summary is put on the page of a CI job. Neither changes how the command ends; what
//! there is to say goes back to the caller.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Where GitHub's runner wants the summary of a step.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";
/// GitHub shows nothing of a larger file.
const LARGEST: usize = 1024 * 1024;
/// What stands below a summary that was cut.
const CUT: &str = "\n\n… the rest is in report.html\n";

/// Opens a page in the browser, where there is a desktop; says its path elsewhere.
pub(super) fn open(page: &Path) -> Option<String> {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let has_desktop = cfg!(target_os = "macos") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
    let shown = page.display();
    if !page.is_file() {
        return None;
    }
    if !has_desktop {
        return Some(format!("no desktop is here to open the report on: {shown}"));
    }
    let opened = Command::new(program)
        .arg(page)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let why = |error| format!("{program} cannot be started ({error}); the report is {shown}");
    opened.err().map(why)
}

/// Appends a summary to the page of a CI job, if this is one.
pub(super) fn add_to_step_summary(summary: &str) -> Option<String> {
    let path = std::env::var_os(STEP_SUMMARY).filter(|path| !path.is_empty())?;
    let failed = append(Path::new(&path), summary).err()?;
    Some(format!("warning: {STEP_SUMMARY} cannot be written: {failed}"))
}

fn append(path: &Path, summary: &str) -> io::Result<()> {
    let taken = match fs::metadata(path) {
        Ok(found) => usize::try_from(found.len()).unwrap_or(usize::MAX),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    let room = LARGEST.saturating_sub(taken).saturating_sub(2);
    let Some(part) = fitted(summary, room) else {
        return Err(io::Error::other("it has no room left; GitHub shows 1 MiB"));
    };
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    // What another command has written may end within a line.
    let between = if taken > 0 { "\n\n" } else { "" };
    file.write_all(format!("{between}{part}").as_bytes())
}

/// As many whole lines of a text as there is room for; `None` if that is not even one.
fn fitted(text: &str, room: usize) -> Option<String> {
    if text.len() <= room {
        return Some(text.to_owned());
    }
    let mut end = room.checked_sub(CUT.len())?;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let whole = &text[..text[..end].rfind('\n')?];
    Some(format!("{whole}{CUT}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_cut_at_the_end_of_a_line() {
        let text = "ä line\n".repeat(20);
        assert_eq!(fitted(&text, text.len()).unwrap(), text);
        let cut = fitted(&text, 100).unwrap();
        assert!(cut.len() <= 100 && cut.starts_with("ä line\nä line\n") && cut.ends_with(CUT));
        assert!(cut.trim_end_matches(CUT).lines().all(|line| line == "ä line"), "{cut}");
        assert_eq!(fitted(&text, CUT.len() + 3), None);
        assert_eq!(fitted(&text, 0), None);
    }

    #[test]
    fn summaries_are_appended_up_to_what_is_shown() {
        let index = tempfile::tempdir().unwrap();
        let path = index.path().join("summary");
        append(&path, "# one\n").unwrap();
        append(&path, "# two\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "# one\n\n\n# two\n");
        append(&path, &"line\n".repeat(LARGEST)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.len() <= LARGEST && text.len() > LARGEST - 10 && text.ends_with(CUT));
        assert!(append(&path, "# three\n").is_err());
        assert!(append(index.path(), "# four\n").is_err());
    }
}
