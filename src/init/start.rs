//! How an app is started: the command that listens, without a shell and without a wrapper.
//!
//! `package.json` and the names of files come in; a [`Start`] goes out. loadgate starts the
//! command itself, so a script such as `NODE_ENV=production node dist/server.js` is taken
//! apart; what only a shell understands is left to the package manager's `run`.

use super::manager::Manager;
use super::package_json::PackageJson;
use super::sources::Sources;

/// How an app is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The program and its arguments, to be started in the project's folder.
    pub command: Vec<String>,
    /// What the script sets before its command, but for a port.
    pub env: Vec<(String, String)>,
    /// A port that the script sets or names as an argument.
    pub port: Option<u16>,
    /// The script that must have run before, such as `build`.
    pub build: Option<String>,
    /// Where it was found: `scripts.start`.
    pub found: String,
}

/// Scripts that start an app, the best first.
const SCRIPTS: [&str; 5] = ["start:prod", "start", "serve", "start:dev", "dev"];
/// Files that are usually the app, without their ending.
const ENTRIES: [&str; 10] = [
    "server",
    "app",
    "index",
    "main",
    "src/server",
    "src/index",
    "src/main",
    "src/app",
    "bin/www",
    "bin/server",
];
/// Folders that a build writes.
const BUILT: [&str; 6] = ["dist/", "build/", "out/", "lib/", ".next/", ".output/"];
/// What only a shell understands.
const SHELL: [char; 14] = ['|', '&', ';', '<', '>', '(', ')', '$', '`', '\\', '*', '?', '~', '#'];

/// How this project's app is started; `None` if nothing says so.
pub fn of(package: &PackageJson, sources: &Sources, manager: Manager) -> Option<Start> {
    let scripts = SCRIPTS.iter().filter_map(|name| Some((*name, package.script(name)?)));
    let mut scripts: Vec<(&str, &str)> = scripts.collect();
    // `start:prod` is what NestJS calls the one that does not build and watch.
    let has_nest = package.dependency("@nestjs/core").is_some();
    scripts.retain(|(name, _)| *name != "start:prod" || has_nest || scripts_has_no_start(package));
    let (plain, development): (Vec<_>, Vec<_>) =
        scripts.into_iter().partition(|(name, _)| !["start:dev", "dev"].contains(name));
    let from = |scripts: &[(&str, &str)]| {
        let first = scripts.first();
        first.map(|(name, script)| from_script(name, script, package, sources, manager))
    };
    let is_plain = |start: &Start| start.command.first().is_some_and(|program| program == "node");
    from(&plain)
        .or_else(|| from(&development).filter(is_plain))
        .or_else(|| from_main(package, sources))
        .or_else(|| from(&development))
}

fn scripts_has_no_start(package: &PackageJson) -> bool {
    package.script("start").is_none()
}

fn from_script(
    name: &str,
    script: &str,
    package: &PackageJson,
    sources: &Sources,
    manager: Manager,
) -> Start {
    let found = format!("scripts.{name}");
    let taken = words(script).and_then(|words| taken_apart(words, package, sources));
    let (command, env) = taken.unwrap_or_else(|| {
        let run = [manager.name(), "run", name].map(str::to_owned);
        (run.to_vec(), Vec::new())
    });
    let build = needs_build(&command, script, package);
    let port = port_of(&command, &env);
    let env = env.into_iter().filter(|(name, _)| !name.ends_with("PORT")).collect();
    Start { command, env, port, build, found }
}

/// `main`, or the file that usually is the app.
fn from_main(package: &PackageJson, sources: &Sources) -> Option<Start> {
    let is_there = |path: &str| sources.files.iter().any(|file| file.path == path);
    let main = package.text_of("main").map(|main| main.trim_start_matches("./").to_owned());
    let main = main.filter(|main| is_there(main)).map(|main| (main, "main".to_owned()));
    let entry = || {
        let endings = ["js", "mjs", "cjs", "ts", "mts"];
        let named = ENTRIES.iter().flat_map(|entry| endings.map(|end| format!("{entry}.{end}")));
        named.filter(|path| is_there(path)).find(|path| listens(path, sources))
    };
    let (path, found) = main
        .filter(|(main, _)| listens(main, sources))
        .or_else(|| entry().map(|entry| (entry.clone(), entry)))?;
    let command = node(&path, &[], package)?;
    Some(Start { command, env: Vec::new(), port: None, build: None, found })
}

fn listens(path: &str, sources: &Sources) -> bool {
    let signs = [".listen(", "serve(", "createServer("];
    let file = sources.files.iter().find(|file| file.path == path);
    file.is_some_and(|file| signs.iter().any(|sign| file.text.contains(sign)))
}

/// The words of a script; `None` for what needs a shell.
fn words(script: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in script.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (_, c) if SHELL.contains(&c) || c.is_control() => return None,
            (None, ' ') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    (quote.is_none() && !words.is_empty()).then_some(words)
}

type TakenApart = (Vec<String>, Vec<(String, String)>);

fn taken_apart(words: Vec<String>, package: &PackageJson, sources: &Sources) -> Option<TakenApart> {
    let mut words = words.into_iter().peekable();
    let mut env = Vec::new();
    while let Some(word) = words.peek() {
        match assignment(word) {
            Some(set) => env.push(set),
            None if word == "cross-env" => {}
            None => break,
        }
        words.next();
    }
    let (program, rest) = (words.next()?, words.collect::<Vec<_>>());
    Some((started(&program, &rest, package, sources)?, env))
}

fn assignment(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let valid = !name.is_empty() && name.chars().all(is_name);
    valid.then(|| (name.to_owned(), value.to_owned()))
}

/// The program as loadgate starts it: watching and debugging are left out, and `tsx` becomes
/// Node with a loader, which is one process less between loadgate and the app.
fn started(
    program: &str,
    rest: &[String],
    package: &PackageJson,
    sources: &Sources,
) -> Option<Vec<String>> {
    let watches = |word: &&String| word.starts_with("--watch") || word.starts_with("--inspect");
    let kept: Vec<String> = rest.iter().filter(|word| !watches(word)).cloned().collect();
    match program {
        "node" => Some([vec!["node".to_owned()], kept].concat()),
        "tsx" | "nodemon" => {
            let mut words = kept.iter().filter(|word| *word != "watch");
            let script = words.next()?;
            let arguments: Vec<String> = words.cloned().collect();
            let plain = !script.starts_with('-');
            plain.then(|| node(script, &arguments, package)).flatten()
        }
        "npm" | "npx" | "pnpm" | "yarn" | "bunx" => None,
        other if other.contains('/') || other == "bun" || other == "deno" => {
            Some([vec![other.to_owned()], kept].concat())
        }
        other if sources.commands.contains(other) => {
            Some([vec![format!("node_modules/.bin/{other}")], kept].concat())
        }
        _ => None,
    }
}

/// Node with a script; one in TypeScript needs tsx among the dependencies.
fn node(script: &str, arguments: &[String], package: &PackageJson) -> Option<Vec<String>> {
    let is_typescript = [".ts", ".mts", ".cts"].iter().any(|end| script.ends_with(end));
    let loader: &[&str] = if is_typescript { &["--import", "tsx"] } else { &[] };
    let can_load = !is_typescript || package.dependency("tsx").is_some();
    let words = ["node"].iter().chain(loader).map(|word| (*word).to_owned());
    can_load.then(|| words.chain([script.to_owned()]).chain(arguments.iter().cloned()).collect())
}

/// The script that writes what is started.
fn needs_build(command: &[String], script: &str, package: &PackageJson) -> Option<String> {
    package.script("build")?;
    let starts_built = command.iter().any(|word| {
        let word = word.trim_start_matches("./");
        BUILT.iter().any(|folder| word.starts_with(folder))
    });
    let of_build = ["next start", "nuxt start", "nuxt preview", " dist/", " build/", " ./dist/"];
    let is_told = of_build.iter().any(|sign| format!(" {script}").contains(sign));
    (starts_built || is_told).then(|| "build".to_owned())
}

fn port_of(command: &[String], env: &[(String, String)]) -> Option<u16> {
    let set = env.iter().find(|(name, _)| name.ends_with("PORT"));
    let flag = command.iter().position(|word| word == "-p" || word == "--port");
    let argument = flag.and_then(|at| command.get(at + 1)).cloned();
    set.map(|(_, value)| value.clone()).or(argument)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::sources::SourceFile;

    fn sources(paths: &[&str]) -> Sources {
        let text = "app.listen({ port: 3000 })".to_owned();
        let file = |path: &&str| SourceFile { path: (*path).to_owned(), text: text.clone() };
        let commands = ["next", "fastify", "ts-node"].map(str::to_owned);
        Sources {
            files: paths.iter().map(file).collect(),
            commands: commands.into_iter().collect(),
            ..Sources::default()
        }
    }

    #[track_caller]
    fn check(package: &str, paths: &[&str], command: &str, build: Option<&str>) -> Start {
        let package = PackageJson::read(package).unwrap();
        let start = of(&package, &sources(paths), Manager::Npm).expect("a start");
        assert_eq!(start.command.join(" "), command);
        assert_eq!(start.build.as_deref(), build);
        start
    }

    #[test]
    fn scripts_become_commands_without_a_shell() {
        let script = |script: &str| {
            format!(
                r#"{{"scripts": {{"start": "{script}", "build": "tsc"}}, "devDependencies": {{"tsx": "4"}}}}"#
            )
        };
        for (written, command, build) in [
            ("node server.js", "node server.js", None),
            ("node --watch --env-file=.env app.js", "node --env-file=.env app.js", None),
            ("tsx watch src/server.ts", "node --import tsx src/server.ts", None),
            ("node ./dist/server.js", "node ./dist/server.js", Some("build")),
            (
                "fastify start -l info app.js",
                "node_modules/.bin/fastify start -l info app.js",
                None,
            ),
            ("next start", "node_modules/.bin/next start", Some("build")),
            ("npm run migrate && node server.js", "npm run start", None),
            ("npm run build && node dist/x.js", "npm run start", Some("build")),
            ("node -e 'x(1)'", "npm run start", None),
            ("unknown-program", "npm run start", None),
        ] {
            check(&script(written), &[], command, build);
        }
    }

    #[test]
    fn what_a_script_sets_is_kept_and_a_port_is_told() {
        let package =
            r#"{"scripts": {"start": "cross-env NODE_ENV=production PORT=4000 node 'a b.js'"}}"#;
        let start = check(package, &[], "node a b.js", None);
        assert_eq!(start.command.len(), 2);
        assert_eq!(start.env, [("NODE_ENV".to_owned(), "production".to_owned())]);
        assert_eq!(start.port, Some(4000));
    }

    #[test]
    fn without_a_script_the_file_that_listens_is_started() {
        check(r#"{"main": "./lib/app.js"}"#, &["lib/app.js"], "node lib/app.js", None);
        check(r#"{"main": "index.js"}"#, &["server.mjs"], "node server.mjs", None);
        let watched = r#"{"scripts": {"dev": "node --watch --env-file=.env server.js"}}"#;
        check(watched, &["server.js"], "node --env-file=.env server.js", None);
        let tsx = r#"{"devDependencies": {"tsx": "4"}, "scripts": {"dev": "x | y"}}"#;
        check(tsx, &["src/server.ts"], "node --import tsx src/server.ts", None);
        check(r#"{"scripts": {"dev": "node --watch a.js"}}"#, &[], "node a.js", None);
        let nothing = PackageJson::read("{}").unwrap();
        assert_eq!(of(&nothing, &sources(&["src/server.ts"]), Manager::Npm), None);
    }

    #[test]
    fn nest_is_started_as_in_production() {
        let nest = r#"{"dependencies": {"@nestjs/core": "11"}, "scripts":
            {"build": "nest build", "start": "nest start", "start:prod": "node dist/main"}}"#;
        check(nest, &[], "node dist/main", Some("build"));
    }
}
