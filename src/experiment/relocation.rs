//! A target's command where one folder has taken the place of another.
//!
//! The scenario's command comes in; the same command for an arm of a duet goes out, with
//! no mention left of the other arm's folder. Looks at no files.

use std::path::{Path, PathBuf};

use crate::scenario::model::StartCommand;

/// One folder stands for another, with all that is in it.
pub(super) struct Relocation<'a> {
    /// The old folder, absolute.
    pub(super) from: &'a Path,
    /// The new one.
    pub(super) to: &'a Path,
}

impl Relocation<'_> {
    /// Where a path is then; one that is elsewhere stays.
    pub(super) fn path(&self, path: &Path) -> PathBuf {
        path.strip_prefix(self.from).map_or_else(|_| path.to_owned(), |below| self.to.join(below))
    }

    /// The command in its new folder. What names the old folder in it would run the other
    /// arm's code.
    pub(super) fn command(&self, own: &StartCommand, folder: PathBuf) -> StartCommand {
        let words = own.command.iter().map(|word| self.word(word));
        let env = own.env.iter().map(|(name, value)| (name.clone(), self.word(value)));
        StartCommand { command: words.collect(), folder, env: env.collect() }
    }

    /// A text with each mention of the old folder, or of a path in it, replaced.
    fn word(&self, text: &str) -> String {
        let (Some(from), Some(to)) = (self.from.to_str(), self.to.to_str()) else {
            return text.to_owned();
        };
        let mut moved = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(from) {
            let (before, after) = (&rest[..at], &rest[at + from.len()..]);
            moved.push_str(before);
            moved.push_str(if is_whole_path(before, after) { to } else { from });
            rest = after;
        }
        moved + rest
    }

    /// PATH, where npm puts `node_modules/.bin` of the folder that it runs in.
    pub(super) fn search_path(&self, path: &str) -> String {
        let moved = |folder: &str| self.path(Path::new(folder)).to_string_lossy().into_owned();
        path.split(':').map(moved).collect::<Vec<_>>().join(":")
    }
}

/// Whether a path ends and begins where it was found: `/srv/app` is in `--at=/srv/app/x`,
/// but neither in `/srv/app2` nor in `/old/srv/app`.
fn is_whole_path(before: &str, after: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    !before.ends_with(is_name) && !after.starts_with(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_of_the_old_folder_become_the_new_one() {
        let index = Relocation { from: Path::new("/srv/app"), to: Path::new("/tmp/x") };
        for (text, moved) in [
            ("/srv/app", "/tmp/x"),
            ("/srv/app/server.js", "/tmp/x/server.js"),
            ("--require=/srv/app/a.js,/srv/app/b.js", "--require=/tmp/x/a.js,/tmp/x/b.js"),
            ("/srv/app2/server.js", "/srv/app2/server.js"),
            ("/old/srv/app/server.js", "/old/srv/app/server.js"),
            ("/srv/app.old", "/srv/app.old"),
            ("server.js", "server.js"),
        ] {
            assert_eq!(index.word(text), moved);
        }
        let path = "/srv/app/node_modules/.bin:/usr/bin:/srv/app2";
        assert_eq!(index.search_path(path), "/tmp/x/node_modules/.bin:/usr/bin:/srv/app2");
    }
}
