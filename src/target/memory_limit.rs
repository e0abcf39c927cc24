//! How much memory the control group of this process, and so of what it starts, may have.
//!
//! The tightest limit on the way up counts. Elsewhere than on Linux, and where there is no
//! limit, there is no answer.

use std::fs;
use std::path::{Path, PathBuf};

/// Where control groups are.
const MOUNT: &str = "/sys/fs/cgroup";
/// What version 1 has in place of "no limit" is a page below the largest number; no machine
/// has as much.
const NO_LIMIT: u64 = 1 << 60;

/// The limit in bytes.
pub fn of_own_group() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    tightest(&groups, Path::new(MOUNT), &|path| fs::read_to_string(path).ok())
}

fn tightest(groups: &str, mount: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let files = groups.lines().filter_map(|line| limit_files(line, mount)).flatten();
    let limits = files.filter_map(|file| read(&file)?.trim().parse::<u64>().ok());
    limits.filter(|limit| *limit < NO_LIMIT).min()
}

/// The files that may have a limit for a line such as `0::/user.slice`, or
/// `4:memory:/docker/a`.
fn limit_files(line: &str, mount: &Path) -> Option<Vec<PathBuf>> {
    let mut fields = line.splitn(3, ':');
    let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    let (root, name) = if controllers.is_empty() {
        (mount.to_owned(), "memory.max")
    } else if controllers.split(',').any(|controller| controller == "memory") {
        (mount.join("memory"), "memory.limit_in_bytes")
    } else {
        return None;
    };
    let own = root.join(path.trim_start_matches('/'));
    let upwards = own.ancestors().take_while(|group| group.starts_with(&root));
    Some(upwards.map(|group| group.join(name)).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[track_caller]
    fn check(groups: &str, files: &[(&str, &str)], expected: Option<u64>) {
        let files: HashMap<PathBuf, &str> =
            files.iter().map(|(path, text)| (PathBuf::from(path), *text)).collect();
        let read = |path: &Path| files.get(path).map(|text| (*text).to_owned());
        assert_eq!(tightest(groups, Path::new("/cg"), &read), expected, "{groups}");
    }

    #[test]
    fn the_tightest_limit_on_the_way_up_counts() {
        let files = [
            ("/cg/a/b/memory.max", "max\n"),
            ("/cg/a/memory.max", "536870912\n"),
            ("/cg/memory.max", "1073741824\n"),
        ];
        check("0::/a/b\n", &files, Some(536_870_912));
        check("0::/\n", &files, Some(1_073_741_824));
        check("0::/c\n", &files[..1], None);
    }

    #[test]
    fn version_1_has_its_own_file_and_a_number_for_none() {
        let groups = "5:cpu,cpuacct:/x\n4:memory:/x\n";
        let file = "/cg/memory/x/memory.limit_in_bytes";
        check(groups, &[(file, "268435456\n")], Some(268_435_456));
        check(groups, &[(file, "9223372036854771712\n")], None);
        check("nonsense\n0:\n", &[], None);
    }

    #[test]
    fn whatever_this_machine_says_is_a_limit_or_none() {
        assert!(of_own_group().is_none_or(|limit| limit > 1 << 20));
    }
}
