//! Which package manager a project uses, and how it says things.

use super::package_json::PackageJson;

/// A package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// npm.
    Npm,
    /// pnpm.
    Pnpm,
    /// Yarn, of any version.
    Yarn,
    /// Bun.
    Bun,
}

/// The files that tell of a manager, as they lie beside a `package.json` or above it.
pub const LOCKFILES: [(&str, Manager); 7] = [
    ("pnpm-lock.yaml", Manager::Pnpm),
    ("pnpm-workspace.yaml", Manager::Pnpm),
    ("yarn.lock", Manager::Yarn),
    ("bun.lock", Manager::Bun),
    ("bun.lockb", Manager::Bun),
    ("package-lock.json", Manager::Npm),
    ("npm-shrinkwrap.json", Manager::Npm),
];

impl Manager {
    /// By `packageManager` of `package.json`, then by the nearest lockfile, else npm.
    pub fn of(package: &PackageJson, lockfiles: &[String]) -> Manager {
        let field = package.text_of("packageManager").unwrap_or_default();
        let named = match field.split('@').next().unwrap_or_default() {
            "npm" => Some(Manager::Npm),
            "pnpm" => Some(Manager::Pnpm),
            "yarn" => Some(Manager::Yarn),
            "bun" => Some(Manager::Bun),
            _ => None,
        };
        let by_file = |file: &String| LOCKFILES.iter().find(|(name, _)| name == file);
        let locked = lockfiles.iter().find_map(by_file).map(|(_, manager)| *manager);
        named.or(locked).unwrap_or(Manager::Npm)
    }

    /// Its name, which is its command.
    pub fn name(self) -> &'static str {
        match self {
            Manager::Npm => "npm",
            Manager::Pnpm => "pnpm",
            Manager::Yarn => "yarn",
            Manager::Bun => "bun",
        }
    }

    /// The command that installs what the lockfile says, into a fresh checkout.
    pub fn install(self, is_locked: bool) -> Vec<&'static str> {
        match (self, is_locked) {
            (Manager::Npm, true) => vec!["npm", "ci", "--no-audit", "--no-fund"],
            (Manager::Npm, false) => vec!["npm", "install", "--no-audit", "--no-fund"],
            (Manager::Pnpm | Manager::Yarn | Manager::Bun, true) => {
                vec![self.name(), "install", "--frozen-lockfile"]
            }
            (Manager::Pnpm | Manager::Yarn | Manager::Bun, false) => vec![self.name(), "install"],
        }
    }

    /// What to type to run a script.
    pub fn run(self, script: &str) -> String {
        format!("{} run {script}", self.name())
    }

    /// What to type to add loadgate to the project.
    pub fn add(self) -> String {
        match self {
            Manager::Npm => "npm install --save-dev loadgate".to_owned(),
            Manager::Pnpm | Manager::Yarn => format!("{} add --save-dev loadgate", self.name())
                .replace("yarn add --save-dev", "yarn add --dev"),
            Manager::Bun => "bun add --dev loadgate".to_owned(),
        }
    }

    /// What stands before `loadgate` where it is no script's.
    pub fn exec(self) -> &'static str {
        match self {
            Manager::Npm => "npx",
            Manager::Pnpm => "pnpm exec",
            Manager::Yarn => "yarn",
            Manager::Bun => "bunx",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_comes_before_the_nearest_lockfile() {
        let plain = PackageJson::read("{}").unwrap();
        let field = PackageJson::read("{\"packageManager\": \"pnpm@9.1.0+sha512.abc\"}").unwrap();
        let files = ["yarn.lock".to_owned(), "package-lock.json".to_owned()];
        assert_eq!(Manager::of(&field, &files), Manager::Pnpm);
        assert_eq!(Manager::of(&plain, &files), Manager::Yarn);
        assert_eq!(Manager::of(&plain, &[]), Manager::Npm);
    }
}
