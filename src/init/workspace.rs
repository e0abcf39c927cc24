//! The packages of a monorepo, so that its root can name them.
//!
//! The patterns of `package.json` or `pnpm-workspace.yaml` come in; the folders that they
//! match and that have a `package.json` go out.

use std::fs;
use std::path::Path;

use super::package_json::PackageJson;
use super::sources::bounded;
use crate::units::order;

/// More packages are not told.
const MOST: usize = 200;
/// More entries of a folder are not looked at.
const MOST_ENTRIES: usize = 1_000;
/// Larger files are no list of packages.
const LARGEST: u64 = 1024 * 1024;

/// A package of a monorepo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its folder below the root, with `/`.
    pub folder: String,
    /// Whether it has a script that starts it.
    pub starts: bool,
}

/// The packages of a root; `None` if it is none. Those that can be started stand first.
pub fn members(root: &Path, package: &PackageJson) -> Option<Vec<Member>> {
    let listed = package.value_of("workspaces").map(|field| {
        let list = field.get("packages").unwrap_or(field).as_array();
        let texts = list.into_iter().flatten().filter_map(|text| text.as_str());
        texts.map(str::to_owned).collect::<Vec<_>>()
    });
    let yaml = || Some(patterns(&bounded(&root.join("pnpm-workspace.yaml"), LARGEST)?));
    let patterns = listed.or_else(yaml)?;
    let mut folders: Vec<String> =
        patterns.iter().flat_map(|pattern| matching(root, pattern)).collect();
    folders.sort();
    folders.dedup();
    let mut members: Vec<Member> =
        folders.into_iter().take(MOST).filter_map(|folder| member(root, folder)).collect();
    order::by_key(&mut members, |member| !member.starts);
    Some(members)
}

fn member(root: &Path, folder: String) -> Option<Member> {
    let text = bounded(&root.join(&folder).join("package.json"), LARGEST)?;
    let package = PackageJson::read(&text).ok()?;
    let starts = ["start", "start:prod", "dev"].iter().any(|name| package.script(name).is_some());
    Some(Member { folder, starts })
}

/// The list under `packages:`, which is all that such a file has in most projects.
fn patterns(yaml: &str) -> Vec<String> {
    let mut lines = yaml.lines().skip_while(|line| !line.starts_with("packages:"));
    lines.next();
    let items = lines.map_while(|line| {
        let item = line.trim();
        let is_inside = item.is_empty() || item.starts_with('#') || item.starts_with('-');
        is_inside.then(|| item.trim_start_matches('-').trim().trim_matches(['"', '\'']).to_owned())
    });
    items.filter(|item| !item.is_empty() && !item.starts_with('#')).collect()
}

/// The folders that a pattern means: `packages/api`, `packages/*`, `apps/**`.
fn matching(root: &Path, pattern: &str) -> Vec<String> {
    let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
    if pattern.starts_with(['!', '/']) || pattern.split('/').any(|part| part == "..") {
        return Vec::new();
    }
    let mut found = vec![String::new()];
    for part in pattern.split('/') {
        let star = part.starts_with('*');
        found = found
            .into_iter()
            .flat_map(|above| if star { below(root, &above) } else { vec![joined(&above, part)] })
            .take(MOST)
            .collect();
    }
    found.retain(|folder| root.join(folder).join("package.json").is_file());
    found
}

fn below(root: &Path, above: &str) -> Vec<String> {
    let entries = fs::read_dir(root.join(above)).into_iter().flatten().filter_map(Result::ok);
    let folders = entries
        .take(MOST_ENTRIES)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
    let names = names.filter(|name| !name.starts_with('.') && name != "node_modules");
    names.map(|name| joined(above, &name)).collect()
}

fn joined(above: &str, name: &str) -> String {
    if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_and_those_that_start_come_first() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("packages/a lib/package.json", "{}");
        write("packages/商店/package.json", r#"{"scripts": {"start": "node a.js"}}"#);
        write("packages/empty/readme.md", "");
        write("tools/gen/package.json", "{}");
        let plain = PackageJson::read("{}").unwrap();
        assert_eq!(members(root.path(), &plain), None);
        write(
            "pnpm-workspace.yaml",
            "# all\npackages:\n  - \"packages/*\" \n  # more\n  - ../x\n  - tools/gen\ncatalog:\n  - no\n",
        );
        let folders = |package: &PackageJson| {
            let members = members(root.path(), package).unwrap();
            members.into_iter().map(|member| member.folder).collect::<Vec<_>>()
        };
        assert_eq!(folders(&plain), ["packages/商店", "packages/a lib", "tools/gen"]);
        let listed = PackageJson::read(r#"{"workspaces": {"packages": ["tools/*"]}}"#).unwrap();
        assert_eq!(folders(&listed), ["tools/gen"]);
    }
}
