//! Which framework an app is written in, by what it depends on.

use super::package_json::PackageJson;

/// A framework.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framework {
    /// The package.
    pub package: &'static str,
    /// As its authors write it.
    pub name: &'static str,
    /// Whether its own command or template listens on `PORT`, whatever the app's files say.
    pub reads_port: bool,
}

/// Those that are known; one that is built on another comes before it.
const KNOWN: [Framework; 12] = [
    framework("@nestjs/core", "NestJS", false),
    framework("next", "Next.js", true),
    framework("nuxt", "Nuxt", true),
    framework("@adonisjs/core", "AdonisJS", false),
    framework("fastify-cli", "Fastify", true),
    framework("fastify", "Fastify", false),
    framework("@hapi/hapi", "hapi", false),
    framework("koa", "Koa", false),
    framework("hono", "Hono", false),
    framework("restify", "Restify", false),
    framework("polka", "Polka", false),
    framework("express", "Express", false),
];

const fn framework(package: &'static str, name: &'static str, reads_port: bool) -> Framework {
    Framework { package, name, reads_port }
}

/// The framework of a project.
pub fn of(package: &PackageJson) -> Option<Framework> {
    let known = KNOWN.iter().find(|framework| package.dependency(framework.package).is_some());
    // fastify-cli is often there for tests alone.
    let uses_cli = || package.script("start").is_some_and(|start| start.contains("fastify start"));
    match known {
        Some(found) if found.package == "fastify-cli" && !uses_cli() => {
            Some(Framework { reads_port: false, ..*found })
        }
        found => found.copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_on_another_is_found_first() {
        let name = |text: &str| of(&PackageJson::read(text).unwrap()).map(|found| found.name);
        assert_eq!(
            name(r#"{"dependencies": {"express": "4", "@nestjs/core": "11"}}"#),
            Some("NestJS")
        );
        assert_eq!(name(r#"{"devDependencies": {"fastify": "^5"}}"#), Some("Fastify"));
        assert_eq!(name("{}"), None);
    }
}
