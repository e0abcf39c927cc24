//! Reads a scenario file: text in, a checked scenario or all of its mistakes out.
//!
//! The walk: text → document with positions → form (`structure`) → `Raw*` types →
//! content (`convert`) → objectives, perhaps from another file → scenario.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::check::{Check, Source};
use super::convert::{Sections, objectives};
use super::document::{Document, Pointer, positions};
use super::environment::Environment;
use super::model::{Scenario, Secrets};
use super::problems::{Fault, Problem, Problems};
use super::raw::{RawScenario, RawSlo, RawSloFile};
use super::schema::{schema, slo_schema};
use super::slo::{DEFAULT_OBJECTIVES, Slo};
use super::structure;

/// Where a text comes from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The file, as problems and records name it.
    pub file: Option<PathBuf>,
    /// The folder that relative paths start from.
    pub folder: PathBuf,
    /// Hosts other than loopback that may be loaded, besides those of the file.
    pub extra_allow: Vec<String>,
}

/// Looks up a variable of the environment.
pub type Lookup<'l> = &'l dyn Fn(&str) -> Option<String>;
/// Reads a file that the scenario names.
pub type ReadFile<'r> = &'r dyn Fn(&Path) -> io::Result<String>;

/// Files larger than this are no scenarios.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Reads a scenario file.
pub fn load(path: &Path, env: Lookup<'_>) -> Result<Scenario, Problems> {
    load_allowing(path, &[], env)
}

/// Reads a scenario file whose target may also be one of the given hosts.
pub fn load_allowing(
    path: &Path,
    extra_allow: &[String],
    env: Lookup<'_>,
) -> Result<Scenario, Problems> {
    let name = path.display().to_string();
    let text = read_text(path).map_err(|error| Problems::whole_file(&name, unreadable(&error)))?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        Some(_) | None => PathBuf::from("."),
    };
    let extra_allow = extra_allow.to_vec();
    parse(&text, &Origin { file: Some(path.to_path_buf()), folder, extra_allow }, env, &read_text)
}

/// Reads the text of a scenario file.
pub fn parse(
    text: &str,
    origin: &Origin,
    env: Lookup<'_>,
    read_file: ReadFile<'_>,
) -> Result<Scenario, Problems> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let name = origin.file.as_ref().map(|file| file.display().to_string());
    let name = name.unwrap_or_else(|| "scenario".to_owned());
    let mut secrets = Secrets::default();
    let opened = Opened::<RawScenario>::open(text, &schema(), env, &mut secrets);
    let Opened { raw, document, mut check } =
        opened.map_err(|fault| Problems { all: vec![in_text(fault, &name, text)] })?;
    let sections = Sections::convert(&raw, origin, &mut secrets, &mut check);
    let mut reading =
        Reading { sections: &sections, secrets: &mut secrets, env, elsewhere: vec![] };
    let slos = reading.slos(&raw.slo, origin, read_file, &mut check);
    let elsewhere = reading.elsewhere;
    let source = Source::File { name: &name, text, document: &document };
    let mut all = check.into_problems(&source, &secrets);
    all.extend(elsewhere);
    finish(sections, slos, secrets, all)
}

/// The scenario, unless there are problems.
pub(crate) fn finish(
    sections: Sections,
    slos: Vec<Slo>,
    secrets: Secrets,
    all: Vec<Problem>,
) -> Result<Scenario, Problems> {
    if !all.is_empty() {
        return Err(Problems { all });
    }
    let scenario = sections.finish(slos, secrets);
    Ok(scenario.expect("a section that could not be converted has reported why"))
}

/// A file of the right form.
struct Opened<'t, T> {
    raw: T,
    document: Document<'t>,
    check: Check<'t>,
}

impl<'t, T: DeserializeOwned> Opened<'t, T> {
    /// The fault's offset is a place in the text.
    fn open(
        text: &'t str,
        schema: &Value,
        env: Lookup<'t>,
        secrets: &mut Secrets,
    ) -> Result<Opened<'t, T>, Fault> {
        let document = Document::parse(text)?;
        let mut check = Check::new(Environment::Lookup(env));
        for (offset, key) in &document.repeated {
            let fault = Fault::new(format!("the key \"{key}\" stands twice in this object"));
            check.text(fault.help("keep one of them").offset(*offset));
        }
        for (at, fault) in check.environment.review_all(&document.value, secrets) {
            check.value(&at, fault);
        }
        let mut value = document.value.clone();
        structure::check(&mut value, schema, &Pointer::default(), &mut check);
        let raw = serde_json::from_value(value).map_err(|error| Fault::new(error.to_string()))?;
        Ok(Opened { raw, document, check })
    }
}

/// What reading the objectives needs besides the scenario's own text.
struct Reading<'r> {
    sections: &'r Sections,
    secrets: &'r mut Secrets,
    env: Lookup<'r>,
    /// Problems of the shared file.
    elsewhere: Vec<Problem>,
}

impl Reading<'_> {
    fn slos(
        &mut self,
        raw: &RawSlo,
        origin: &Origin,
        read_file: ReadFile<'_>,
        check: &mut Check<'_>,
    ) -> Vec<Slo> {
        let at = Pointer::default().key("slo");
        let Some(file) = &raw.file else {
            return slos_here(raw, self.sections, check);
        };
        if !raw.all.is_empty() || !raw.steps.0.is_empty() {
            let fault = Fault::new("objectives both here and in a file");
            let help = "keep either \"file\" or \"all\" and \"steps\"";
            check.key(&at.key("file"), fault.help(help));
        }
        let path = origin.folder.join(check.fill(file));
        match read_file(&path) {
            Ok(text) => self.shared(&text, &path),
            Err(error) => {
                let mut fault = unreadable(&error);
                fault.message = format!("the slo file {} {}", path.display(), fault.message);
                check.value(&at.key("file"), fault);
                Vec::new()
            }
        }
    }

    /// The objectives of a file that several scenarios share.
    fn shared(&mut self, text: &str, path: &Path) -> Vec<Slo> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let name = path.display().to_string();
        let opened = Opened::<RawSloFile>::open(text, &slo_schema(), self.env, self.secrets);
        let Opened { raw, document, mut check } = match opened {
            Ok(opened) => opened,
            Err(fault) => {
                self.elsewhere.push(in_text(fault, &name, text));
                return Vec::new();
            }
        };
        let slo = RawSlo { all: raw.all, steps: raw.steps, file: None };
        let slos = objectives(&slo, self.sections, &Pointer::default(), &mut check);
        if slos.is_empty() && check.is_clean() {
            let fault = Fault::new("the file has no objectives");
            check.value(&Pointer::default(), fault.help("add \"all\": [\"p99 < 500ms\"]"));
        }
        let source = Source::File { name: &name, text, document: &document };
        self.elsewhere.extend(check.into_problems(&source, self.secrets));
        slos
    }
}

/// The objectives of the scenario itself, or the default ones.
pub(crate) fn slos_here(raw: &RawSlo, sections: &Sections, check: &mut Check<'_>) -> Vec<Slo> {
    let at = Pointer::default().key("slo");
    if raw.all.is_empty() && raw.steps.0.iter().all(|(_, texts)| texts.is_empty()) {
        let all = DEFAULT_OBJECTIVES.map(str::to_owned).to_vec();
        return objectives(&RawSlo { all, ..raw.clone() }, sections, &at, check);
    }
    objectives(raw, sections, &at, check)
}

fn in_text(fault: Fault, name: &str, text: &str) -> Problem {
    let place = positions(text, &[fault.offset])[0];
    fault.problem(name.to_owned(), place)
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn unreadable(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::NotFound => Fault::new("does not exist").help("check the path"),
        io::ErrorKind::IsADirectory => Fault::new("is a folder").help("name a file in it"),
        io::ErrorKind::InvalidData => {
            Fault::new("is not UTF-8 text").help("save it as UTF-8, without compression")
        }
        io::ErrorKind::FileTooLarge => {
            Fault::new("is larger than 16 MiB").help("a scenario is a few kilobytes")
        }
        _ => Fault::new(format!("cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenarios() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
    }

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn every_example_loads_and_fits_the_schema() {
        let (scenario, slo) = (schema(), slo_schema());
        let mut seen = 0;
        for entry in std::fs::read_dir(scenarios()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !name.ends_with(".json") || name.ends_with(".schema.json") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let value: Value = serde_json::from_str(&text).unwrap();
            let schema = if name.starts_with("slo.") { &slo } else { &scenario };
            jsonschema::validate(schema, &value).unwrap_or_else(|error| panic!("{name}: {error}"));
            if !name.starts_with("slo.") {
                load(&path, &nothing).unwrap_or_else(|problems| panic!("{problems}"));
                seen += 1;
            }
        }
        assert!(seen >= 2);
    }
}
