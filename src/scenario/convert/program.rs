//! Whether what starts the target is there: the folder, the program, the script.
//!
//! A checked command comes in; what cannot be found is reported where the file names it,
//! with the nearest name that exists. Only looks, never runs anything.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::model::StartCommand;
use super::super::problems::{Fault, nearest};
use super::super::structure;

/// More names of a folder are not compared.
const MOST_NAMES: usize = 5_000;
/// Who runs a script that is the first argument.
const INTERPRETERS: [&str; 13] = [
    "node", "nodejs", "bun", "tsx", "ts-node", "python", "python3", "ruby", "php", "perl", "sh",
    "bash", "deno",
];
/// Arguments of theirs behind which something else than a script follows.
const WITH_VALUE: [&str; 8] =
    ["-r", "--require", "--import", "--loader", "--env-file", "-C", "--conditions", "-W"];
/// Arguments of theirs in place of a script.
const INSTEAD: [&str; 8] = ["-e", "--eval", "-p", "--print", "-c", "-m", "-", "-S"];

/// Reports what is not there. `has_folder` says whether the file names the folder.
pub(super) fn look(start: &StartCommand, has_folder: bool, at: &Pointer, check: &mut Check<'_>) {
    if !start.folder.is_dir() {
        if has_folder {
            check.value(&at.key("cwd"), no_folder(&start.folder));
        }
        return;
    }
    let Some(program) = start.command.first().filter(|program| !program.is_empty()) else { return };
    let at = at.key("command");
    if let Err(fault) = found_program(program, start, check) {
        check.value(&at.item(0), fault);
        return;
    }
    let name = Path::new(program).file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    if INTERPRETERS.contains(&name.as_str()) {
        if let Some((index, fault)) = missing_script(start) {
            check.value(&at.item(index), fault);
        }
    } else if ["npm", "pnpm", "yarn"].contains(&name.as_str())
        && let Some((index, fault)) = missing_npm_script(start)
    {
        check.value(&at.item(index), fault);
    }
}

fn no_folder(folder: &Path) -> Fault {
    let is_file = folder.exists();
    let what = if is_file { "is no folder" } else { "does not exist" };
    let fault = Fault::new(format!("the folder {} {what}", shown(folder)));
    advice(fault, folder, "it is relative to the scenario file", std::path::Path::is_dir)
}

/// Advice with the nearest name beside a path that does not exist.
fn advice(fault: Fault, path: &Path, other: &str, fits: impl Fn(&Path) -> bool) -> Fault {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let names = names(parent, fits);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match name.as_deref().and_then(|name| nearest(name, &names)) {
        Some(near) => fault.help(format!("did you mean \"{near}\"? {other}")),
        None => fault.help(format!("correct it; {other}")),
    }
}

fn names(folder: &Path, fits: impl Fn(&Path) -> bool) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let entries = entries.take(MOST_NAMES).filter(|entry| fits(&entry.path()));
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn found_program(program: &str, start: &StartCommand, check: &Check<'_>) -> Result<(), Fault> {
    if program.contains('/') {
        let path = start.folder.join(program);
        if !path.is_file() {
            let fault = Fault::new(format!("there is no program {}", shown(&path)));
            return Err(advice(fault, &path, "it is relative to \"cwd\"", Path::is_file));
        }
        return if is_executable(&path) {
            Ok(())
        } else {
            let fault = Fault::new(format!("{} is not executable", shown(&path)));
            Err(fault.help(format!("chmod +x it, or put what runs it first: {}", runner(program))))
        };
    }
    let own = start.env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
    let Some(search) = own.or_else(|| check.environment.variable("PATH")) else { return Ok(()) };
    let folders: Vec<PathBuf> = search.split(':').map(|folder| start.folder.join(folder)).collect();
    if folders.iter().any(|folder| is_executable(&folder.join(program))) {
        return Ok(());
    }
    let fault = Fault::new(format!("there is no program \"{program}\" in any folder of PATH"));
    if program.contains(char::is_whitespace) {
        let words = structure::command(program);
        return Err(fault.help(format!("program and arguments stand apart: write {words}")));
    }
    if start.folder.join(program).is_file() {
        return Err(fault.help(format!("write \"./{program}\" for the one in \"cwd\"")));
    }
    let known: Vec<String> =
        folders.iter().flat_map(|folder| names(folder, is_executable)).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    Err(match nearest(program, &known) {
        Some(near) => fault.help(format!("did you mean \"{near}\"? or install it")),
        None => fault.help("install it, or correct the name"),
    })
}

/// What would run a script that cannot run itself.
fn runner(script: &str) -> String {
    let end = script.rsplit('.').next().unwrap_or_default();
    let program = match end {
        "js" | "mjs" | "cjs" => "node",
        "py" => "python3",
        _ => "sh",
    };
    format!("[\"{program}\", \"{script}\"]")
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// The script of an interpreter that is not there, with its place among the arguments.
fn missing_script(start: &StartCommand) -> Option<(usize, Fault)> {
    let mut arguments = start.command.iter().enumerate().skip(1);
    let (index, script) = loop {
        let (index, argument) = arguments.next()?;
        if INSTEAD.contains(&argument.as_str()) {
            return None;
        }
        if WITH_VALUE.contains(&argument.as_str()) {
            arguments.next();
        } else if !argument.starts_with('-')
            && !["run", "watch", "serve"].contains(&argument.as_str())
        {
            break (index, argument);
        }
    };
    let path = start.folder.join(script);
    let endings = ["", ".js", ".mjs", ".cjs", ".json", ".ts"];
    let with = |end: &str| PathBuf::from(format!("{}{end}", path.display())).exists();
    // An address, or something that a tool finds by other rules than a path's.
    if endings.into_iter().any(with) || script.contains("://") || script.starts_with('@') {
        return None;
    }
    let fault = Fault::new(format!("the script {} does not exist", shown(&path)));
    let other = "it is relative to \"cwd\", or else to the scenario file";
    Some((index, advice(fault, &path, other, Path::is_file)))
}

/// The script of `npm run NAME` or `npm start` that package.json does not have.
fn missing_npm_script(start: &StartCommand) -> Option<(usize, Fault)> {
    let words: Vec<&str> = start.command.iter().map(String::as_str).collect();
    let (index, name) = match words.as_slice() {
        [_, "run" | "run-script", name, ..] => (2, *name),
        ["npm" | "pnpm", "start", ..] => (1, "start"),
        _ => return None,
    };
    if name.starts_with('-') {
        return None;
    }
    let folder = fs::canonicalize(&start.folder).ok()?;
    let file =
        folder.ancestors().map(|folder| folder.join("package.json")).find(|file| file.is_file());
    let Some(file) = file else {
        let fault = Fault::new(format!("there is no package.json in {}", shown(&start.folder)));
        return Some((
            index,
            fault.help("correct \"cwd\", which is relative to the scenario file"),
        ));
    };
    let package: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file).ok()?).ok()?;
    let scripts = package["scripts"].as_object();
    let known: Vec<&str> =
        scripts.into_iter().flat_map(|all| all.keys().map(String::as_str)).collect();
    let is_default = name == "start" && file.with_file_name("server.js").is_file();
    if known.contains(&name) || is_default {
        return None;
    }
    let fault = Fault::new(format!("{} has no script \"{name}\"", shown(&file)));
    Some((index, fault.nearest(name, known.into_iter())))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::super::super::document::positions;
    use super::super::super::json;
    use super::super::super::read::{Caller, load_looking};
    use super::*;

    /// Checks a scenario with this target in a folder with a few files; `¦` marks the place
    /// of the one mistake.
    #[track_caller]
    fn check(target: &str, expected: Option<&[&str]>) {
        let position = tempfile::tempdir().unwrap();
        let bin = position.path().join("bin");
        fs::create_dir_all(position.path().join("app")).unwrap();
        fs::create_dir(&bin).unwrap();
        for (name, mode) in [("node", 0o755), ("npm", 0o755), ("serve", 0o755), ("plain.js", 0o644)]
        {
            fs::write(bin.join(name), "").unwrap();
            fs::set_permissions(bin.join(name), Permissions::from_mode(mode)).unwrap();
        }
        fs::write(position.path().join("app/server.js"), "").unwrap();
        let package = "{ \"scripts\": { \"start\": \"node server.js\", \"serve:test\": \"x\" } }";
        fs::write(position.path().join("app/package.json"), package).unwrap();
        let text = format!(
            "{{ \"target\": {{ \"url\": \"http://127.0.0.1:1\",\n {target} }},
            \"flows\": [{{ \"name\": \"f\", \"steps\": [{{ \"request\": \"GET /\" }}] }}],
            \"load\": {{ \"stages\": [{{ \"for\": \"9s\", \"rate\": \"9/s\" }}] }} }}"
        );
        let file = position.path().join("s.json");
        fs::write(&file, text.replace('¦', "")).unwrap();
        let env = |name: &str| (name == "PATH").then(|| bin.display().to_string());
        match (load_looking(&file, &Caller::default(), &env), expected) {
            (Ok(_), None) => {}
            (Err(problems), Some(words)) => {
                assert_eq!(problems.all.len(), 1, "{problems}");
                let problem = &problems.all[0];
                assert!(json::parse(&text.replace('¦', "")).is_ok());
                let position = positions(&text, &[text.find('¦').expect("a mark")])[0];
                assert_eq!((problem.line, problem.column), position, "{problem}");
                for word in words {
                    assert!(problem.to_string().contains(word), "{problem} without {word}");
                }
            }
            (Ok(_), Some(words)) => panic!("{target}: nothing found, not {words:?}"),
            (Err(problems), None) => panic!("{target}: {problems}"),
        }
    }

    #[test]
    fn what_is_there_is_found() {
        let cwd = "\"cwd\": \"app\"";
        check(&format!("\"command\": [\"node\", \"server.js\"], {cwd}"), None);
        check(&format!("\"command\": [\"node\", \"server\"], {cwd}"), None);
        check(
            &format!("\"command\": [\"node\", \"--import\", \"tsx\", \"server.js\"], {cwd}"),
            None,
        );
        check(&format!("\"command\": [\"node\", \"-e\", \"1\"], {cwd}"), None);
        check(&format!("\"command\": [\"npm\", \"start\"], {cwd}"), None);
        check(&format!("\"command\": [\"npm\", \"run\", \"serve:test\"], {cwd}"), None);
        check(&format!("\"command\": [\"../bin/serve\"], {cwd}"), None);
        check(
            "\"command\": [\"own\"], \"env\": { \"PATH\": \"bin\" }, \"cwd\": \".\""
                .replace("own", "serve")
                .as_str(),
            None,
        );
    }

    #[test]
    fn what_is_not_there_has_a_place_and_the_nearest_name() {
        let cwd = "\"cwd\": \"app\"";
        check(
            "\"command\": [\"node\", \"x.js\"], \"cwd\": ¦\"ap\"",
            Some(&["/ap does not exist", "did you mean \"app\"?"]),
        );
        check(
            &format!("\"command\": [¦\"nod\", \"server.js\"], {cwd}"),
            Some(&["no program \"nod\"", "did you mean \"node\"?"]),
        );
        check(
            &format!("\"command\": [¦\"npm start\"], {cwd}"),
            Some(&["write [\"npm\", \"start\"]"]),
        );
        check(
            &format!("\"command\": [\"node\", ¦\"servr.js\"], {cwd}"),
            Some(&["servr.js does not exist", "did you mean \"server.js\"?"]),
        );
        check(
            &format!("\"command\": [\"node\", \"-r\", \"x\", ¦\"src/index.js\"], {cwd}"),
            Some(&["src/index.js does not exist"]),
        );
        check(
            &format!("\"command\": [\"npm\", \"run\", ¦\"serve:tst\"], {cwd}"),
            Some(&["no script \"serve:tst\"", "did you mean \"serve:test\"?"]),
        );
        check(
            &format!("\"command\": [¦\"../bin/serv\"], {cwd}"),
            Some(&["bin/serv", "did you mean \"serve\"?"]),
        );
        check(
            &format!("\"command\": [¦\"../bin/plain.js\"], {cwd}"),
            Some(&["not executable", "[\"node\", \"../bin/plain.js\"]"]),
        );
        check("\"command\": [¦\"serve.sh\"]", Some(&["no program \"serve.sh\""]));
    }
}
