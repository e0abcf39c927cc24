//! Reads a scenario file: text in, a checked scenario or all of its mistakes out.
//!
//! The walk: text, JSON or YAML → document with positions → form (`structure`) → `Raw*` types →
//! content (`convert`) → objectives, perhaps from another file → scenario.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::check::{Check, Source};
use super::convert::{
    self, Objectives, Sections, is_of_a_stress_test, neighbours_are_said, objectives,
};
use super::document::{Document, Pointer, positions};
use super::environment::{Environment, Reviewed};
use super::gauge::Named;
use super::model::{Scenario, Secrets};
pub use super::origin::{DataFiles, Origin};
use super::problems::{Fault, Problem, Problems};
use super::raw::RawScenario;
use super::raw_slo::{RawSlo, RawSloFile};
pub use super::routing::Caller;
use super::schema::{schema, slo_schema};
use super::slo::{DEFAULT_OBJECTIVES, Slo};
use super::{ceiling, foreign, json, stray, structure, yaml};

/// Looks up a variable of the environment.
pub type Lookup<'l> = &'l dyn Fn(&str) -> Option<String>;
/// Reads a file that the scenario names.
pub type ReadFile<'r> = &'r dyn Fn(&Path) -> io::Result<String>;

/// Files larger than this are no scenarios.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Reads a scenario file.
pub fn load(path: &Path, env: Lookup<'_>) -> Result<Scenario, Problems> {
    load_for(path, &Caller::default(), env)
}

/// Reads a scenario file for a caller who says more of the way to the target.
pub fn load_for(path: &Path, caller: &Caller, env: Lookup<'_>) -> Result<Scenario, Problems> {
    load_from(path, Origin { caller: caller.clone(), ..Origin::default() }, env)
}

/// The same, and looks whether the program, the folder and the script that start the target
/// are there.
pub fn load_looking(path: &Path, caller: &Caller, env: Lookup<'_>) -> Result<Scenario, Problems> {
    load_from(path, Origin { caller: caller.clone(), looks: true, ..Origin::default() }, env)
}

fn load_from(path: &Path, origin: Origin, env: Lookup<'_>) -> Result<Scenario, Problems> {
    let name = path.display().to_string();
    let text = read_text(path).map_err(|error| Problems::whole_file(&name, unreadable(&error)))?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        Some(_) | None => PathBuf::from("."),
    };
    let (file, cores) = (Some(path.to_path_buf()), Some(ceiling::cores()));
    parse(&text, &Origin { file, folder, cores, data: DataFiles::Here, ..origin }, env, &read_text)
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
    let opened = Opened::<RawScenario>::open((&name, text), &schema(), env, &mut secrets);
    let Opened { raw, document, mut check } = opened.map_err(|fault| {
        let fault = foreign::recognised(&name, text).unwrap_or(fault);
        Problems { all: vec![in_text(fault, &name, text)] }
    })?;
    let sections = Sections::convert(&raw, origin, &mut secrets, &mut check);
    let mut reading =
        Filling { sections: &sections, secrets: &mut secrets, env, elsewhere: vec![] };
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
    slos: Objectives,
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
        (name, text): (&str, &'t str),
        schema: &Value,
        env: Lookup<'t>,
        secrets: &mut Secrets,
    ) -> Result<Opened<'t, T>, Fault> {
        let document = document(name, text)?;
        let mut check = Check::new(Environment::Lookup(env));
        document.faults.iter().for_each(|fault| check.text(fault.clone()));
        document.malformed.iter().for_each(|at| check.mended(at));
        check.numbers.clone_from(&document.numbers);
        for Reviewed { at, is_key, fault } in check.environment.review_all(&document.value, secrets)
        {
            if is_key { check.key(&at, fault) } else { check.value(&at, fault) }
        }
        let mut value = document.value.clone();
        structure::check(&mut value, schema, &Pointer::default(), &mut check);
        stray::check(&value, &mut check);
        let raw = serde_json::from_value(value).map_err(|error| Fault::new(error.to_string()))?;
        Ok(Opened { raw, document, check })
    }
}

/// A text in the notation that its file's name says: YAML, or else JSON.
fn document<'t>(name: &str, text: &'t str) -> Result<Document<'t>, Fault> {
    if !foreign::is_named_yaml(name) {
        return json::parse(text);
    }
    let document = yaml::parse(text)?;
    match foreign::artillery(&document.value) {
        Some(fault) => Err(fault),
        None => Ok(document),
    }
}

/// What reading the objectives needs besides the scenario's own text.
struct Filling<'r> {
    sections: &'r Sections,
    secrets: &'r mut Secrets,
    env: Lookup<'r>,
    /// Problems of the shared file.
    elsewhere: Vec<Problem>,
}

impl Filling<'_> {
    fn slos(
        &mut self,
        raw: &RawSlo,
        origin: &Origin,
        read_file: ReadFile<'_>,
        check: &mut Check<'_>,
    ) -> Objectives {
        let at = Pointer::default().key("slo");
        let Some(file) = &raw.file else {
            return slos_here(raw, self.sections, check);
        };
        let groups = [&raw.all, &raw.tenants, &raw.neighbours];
        if groups.iter().any(|group| !group.is_empty()) || !raw.steps.0.is_empty() {
            let fault = Fault::new("objectives both here and in a file");
            let help = "keep either \"file\" or the objectives here";
            check.key(&at.key("file"), fault.help(help));
        }
        let path = origin.folder.join(check.fill(file));
        match read_file(&path) {
            Ok(text) => Objectives { file: Some(path.clone()), ..self.shared(&text, &path) },
            Err(error) => {
                let mut fault = unreadable(&error);
                fault.message = format!("the slo file {} {}", path.display(), fault.message);
                check.value(&at.key("file"), fault);
                Objectives::default()
            }
        }
    }

    /// The objectives of a file that several scenarios share.
    fn shared(&mut self, text: &str, path: &Path) -> Objectives {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let name = path.display().to_string();
        let form = slo_schema();
        let opened = Opened::<RawSloFile>::open((&name, text), &form, self.env, self.secrets);
        let Opened { raw, document, mut check } = match opened {
            Ok(opened) => opened,
            Err(fault) => {
                self.elsewhere.push(in_text(fault, &name, text));
                return Objectives::default();
            }
        };
        let RawSloFile { all, steps, tenants, neighbours, .. } = raw;
        let slo = RawSlo { all, steps, tenants, neighbours, ..RawSlo::default() };
        let (subjects, at) = (self.sections.subjects(), Pointer::default());
        let slos = objectives(&slo, &subjects, &at, &mut check);
        neighbours_are_said(&slo, subjects.walks, &at, &mut check);
        if slos.slos.is_empty() && check.is_clean() {
            let fault = Fault::new("the file has no objectives for a run");
            check.value(&Pointer::default(), fault.help("add \"all\": [\"p99 < 500ms\"]"));
        }
        let source = Source::File { name: &name, text, document: &document };
        self.elsewhere.extend(check.into_problems(&source, self.secrets));
        slos
    }
}

/// An objective as a record with these gauges keeps its text; `None` where that has a variable in
/// it.
pub fn recorded_objective(text: &str, gauges: Vec<Named>) -> Option<Slo> {
    convert::recorded(text, gauges)
}

/// The objectives of the scenario itself, or the default ones.
pub(crate) fn slos_here(raw: &RawSlo, sections: &Sections, check: &mut Check<'_>) -> Objectives {
    let at = Pointer::default().key("slo");
    let here = objectives(raw, &sections.subjects(), &at, check);
    neighbours_are_said(raw, sections.subjects().walks, &at, check);
    let of_steps = raw.steps.0.iter().flat_map(|(_, texts)| texts);
    let mut texts = raw.all.iter().chain(&raw.tenants).chain(of_steps);
    if texts.any(|text| !is_of_a_stress_test(text)) {
        return here;
    }
    let all = DEFAULT_OBJECTIVES.map(str::to_owned).to_vec();
    let mut unwritten = Check::new(Environment::Nowhere);
    // Who is noisy needs an objective for the others; what is written of them has been read above.
    let neighbours = sections.is_noisy().then(|| "p95 < 2x".to_owned()).into_iter().collect();
    let default = RawSlo { all, neighbours, ..RawSlo::default() };
    let slos = objectives(&default, &sections.subjects(), &at, &mut unwritten).slos;
    if !unwritten.is_clean() {
        let fault = Fault::new("the default objectives do not fit timeouts this short");
        check
            .value(&at, fault.help("add \"slo\": { \"all\": […] } with limits below the timeouts"));
    }
    let slos = slos.into_iter().map(|slo| Slo { is_default: true, ..slo }).collect();
    Objectives { slos, ..here }
}

fn in_text(fault: Fault, name: &str, text: &str) -> Problem {
    let index = positions(text, &[fault.offset])[0];
    fault.problem(name, index)
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
    use std::sync::LazyLock;
    use std::time::Duration;

    use super::super::model::Prepare;
    use super::*;

    static SCHEMA: LazyLock<jsonschema::Validator> =
        LazyLock::new(|| jsonschema::validator_for(&schema()).unwrap());

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
            if name.contains(".schema.") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let value = document(&name, &text).unwrap().value;
            let schema = if name.starts_with("slo.") { &slo } else { &scenario };
            jsonschema::validate(schema, &value).unwrap_or_else(|error| panic!("{name}: {error}"));
            if !name.starts_with("slo.") {
                load(&path, &nothing).unwrap_or_else(|problems| panic!("{problems}"));
                seen += 1;
            }
        }
        assert!(seen >= 5);
    }

    const GOOD: &str = include_str!("../../tests/fixtures/scenarios/good.json");

    fn read(text: &str) -> Result<Scenario, Problems> {
        let origin = Origin { file: Some("s.json".into()), ..Origin::default() };
        parse(text, &origin, &nothing, &|path| match path.to_str() {
            Some("slo.json") => Ok("{ \"all\": [\"p99 < 1s\"],\n  \"stps\": {} }".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        })
    }

    /// Replaces one text of the good file and expects exactly one problem.
    #[track_caller]
    fn wrong(from: &str, to: &str, index: (usize, usize), message: &str) {
        assert_eq!(GOOD.matches(from).count(), 1, "{from}");
        let problems = read(&GOOD.replacen(from, to, 1)).expect_err(to);
        assert_eq!(problems.all.len(), 1, "{problems}");
        let problem = &problems.all[0];
        assert!(problem.to_string().contains(message), "{problem}");
        assert_eq!((problem.line, problem.column), index, "{problem}");
    }

    #[test]
    fn the_good_file_is_good() {
        let scenario = read(GOOD).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!((scenario.flows.len(), scenario.steps.len(), scenario.slos.len()), (2, 3, 3));
        assert_eq!(scenario.steps[0].label, "GET /orders");
        assert_eq!(scenario.steps[1].label, "GET /orders/{{order}}");
        assert_eq!(scenario.steps[0].request.path.as_literal(), Some("/api/orders?limit=20"));
        assert_eq!(scenario.steps[0].request.headers[0].0, "authorization");
        assert_eq!(scenario.steps[2].request.headers[0].0, "content-type");
        assert_eq!(scenario.steps[2].expect.statuses, [(200, 299), (409, 409)]);
        assert_eq!(scenario.load.length(), Duration::from_secs(75));
    }

    #[test]
    fn what_is_mistyped_is_not_missing_too() {
        let stage = r#"{"for": "9s", "rate": "9/s"}"#;
        for (step, stage, told) in [
            (r#""multipart": {"a": {"fille": "x"}}"#, stage, "unknown key \"fille\""),
            (r#""graphql": {"qurey": "{a}"}"#, stage, "unknown key \"qurey\""),
            (r#""json": {}"#, r#"{"for": "9s", "rat": "9/s"}"#, "unknown key \"rat\""),
            (
                r#""json": {}"#,
                r#"{"for": "9s", "rate": "9/s", "noisy": {"tennant": "b", "times": 3}}"#,
                "unknown key \"tennant\"",
            ),
        ] {
            let text = format!(
                r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}},
                    "tenants": {{"names": ["a", "b"]}},
                    "flows": [{{"name": "f", "steps": [{{"request": "POST /{{{{tenant}}}}", {step}}}]}}],
                    "load": {{"stages": [{{"for": "9s", "rate": "9/s"}}, {stage}]}}}}"#
            );
            let problems = read(&text).expect_err(told);
            assert_eq!(problems.all.len(), 1, "{problems}");
            assert!(problems.to_string().contains(told), "{problems}");
        }
        let socket = GOOD.replacen(
            "\"request\": \"GET /orders",
            "\"websocket\": [{\"expct\": \"x\"}], \"request\": \"GET /orders",
            1,
        );
        let problems = read(&socket).expect_err("expct");
        assert!(!problems.to_string().contains("nothing is done here"), "{problems}");
    }

    #[test]
    fn mistakes_of_form_have_a_place_and_advice() {
        wrong("\"weight\"", "\"wieght\"", (11, 25), "did you mean \"weight\"?");
        wrong("\"for\": \"10s\"", "\"duration\": \"10s\"", (22, 7), "did you mean \"for\"?");
        wrong("\"weight\": 8", "\"weight\": 0", (11, 35), "between 1 and 1000000, found 0");
        wrong("\"weight\": 8", "\"weight\": \"8\"", (11, 35), "write 8 without quotes");
        wrong(
            "\"weight\": 8",
            "\"weight\": 8.5",
            (11, 35),
            "a whole number such as 8, found the number 8.5",
        );
        wrong("\"rate\": \"100/s\"", "\"rate\": 100", (22, 29), "write \"100/s\"");
        wrong("\"timeout\": \"2s\"", "\"timeout\": null", (16, 78), "leave the key out");
        wrong("\"poisson\"", "\"uniforn\"", (21, 25), "did you mean \"uniform\"?");
        wrong("\"poisson\"", "7", (21, 25), "has no choice the number 7");
        wrong("[\"p99 < 800ms\"]", "\"p99 < 800ms\"", (27, 32), "write [\"p99 < 800ms\"]");
        wrong("\"name\": \"buy\", ", "", (17, 5), "\"name\" is missing in a flow");
        wrong("\"seed\": 7", "\"seed\": -7", (21, 44), "found -7");
        wrong("\"cwd\"", "\"cwd\": \"/\", \"cwd\"", (5, 51), "\"cwd\" stands twice");
        wrong("\"warmup\": true", "\"warmup\": \"true\"", (22, 48), "write true without quotes");
        wrong("\"status\": 200", "\"status\": true", (14, 30), "or a list, found true");
    }

    #[test]
    fn mistakes_of_syntax_have_a_place() {
        wrong("\"seed\": 7,", "\"seed\": 7", (21, 45), "expected comma");
        wrong("true } ] },", "true },, ] },", (24, 36), "not valid JSON");
        wrong("\"seed\"", "seed", (21, 36), "double quotes");
    }

    #[test]
    fn mistakes_about_the_arms_have_a_place() {
        let check = |text: &str, at: &str, message: &str| {
            let column = 39 + text.find(at).unwrap();
            wrong("\"cwd\"", &format!("{text}, \"cwd\""), (5, column), message);
        };
        let names = "not the name of an environment variable";
        check("\"port_variable\": \"A=B\"", "\"A=B", names);
        let empty = "\"prepare\": { \"command\": [\"\"] }";
        check(empty, "[\"", "write [\"npm\", \"ci\"]");
        let soon = "\"prepare\": { \"command\": [\"make\"], \"within\": \"0s\" }";
        check(soon, "\"0s", "more than zero");
        let port = "\"arms\": { \"baseline\": { \"env\": { \"PORT\": \"1\" } } }";
        check(port, "\"PORT", "each arm of a duet gets a free port");
        check("\"arms\": { \"base\": {} }", "\"base", "valid here: \"baseline\"");
    }

    #[test]
    fn the_arms_are_read() {
        let more = "\"port_variable\": \"LISTEN\", \"prepare\": { \"command\": [\"make\"] },
            \"arms\": { \"candidate\": { \"env\": { \"DB\": \"two\" } } }, \"cwd\"";
        let arms = read(&GOOD.replacen("\"cwd\"", more, 1)).unwrap().target.arms;
        assert_eq!((arms.port_variable.as_str(), arms.baseline.len()), ("LISTEN", 0));
        assert_eq!(arms.candidate, [("DB".to_owned(), "two".to_owned())]);
        let ten_minutes = Duration::from_secs(600);
        let make = Prepare { command: vec!["make".to_owned()], within: ten_minutes };
        assert_eq!(arms.prepare, Some(make));
        let default = read(GOOD).unwrap().target.arms;
        assert_eq!((default.port_variable.as_str(), default.prepare), ("PORT", None));
    }

    #[test]
    fn mistakes_about_the_target_have_a_place() {
        let url = "http://127.0.0.1:3000/api";
        wrong(url, "http://example.com", (4, 12), "\"allow\": [\"example.com\"]");
        wrong(url, "localhost:3000", (4, 12), "must start with http://");
        wrong(url, "127.0.0.1:3000", (4, 12), "http://127.0.0.1:3000");
        wrong(url, "http://a:b@localhost", (4, 12), "must not contain credentials");
        wrong(url, "http://localhost/?a", (4, 12), "no query");
        wrong("\"url\": \"http://127.0.0.1:3000/api\",", "", (3, 13), "the target is missing");
        wrong("[\"node\", \"server.js\"]", "[]", (5, 16), "names no program");
        wrong("\"/health\"", "\"health\"", (6, 24), "must start with /");
        wrong("\"20s\"", "\"20\"", (6, 45), "length of time");
        wrong("\"staging.example.com\"", "\"http://x/y\"", (30, 13), "bare host");
        wrong("\"1MB\"", "\"0\"", (29, 42), "at least 1B");
        wrong("\"name\": \"orders\"", "\"name\": \"../x\"", (2, 11), "name of a folder");
    }

    #[test]
    fn mistakes_about_requests_have_a_place() {
        wrong("GET /orders/{{order}}", "GET /orders/{{oder}}", (16, 55), "did you mean \"order\"?");
        wrong("?limit={{limit}}", "?limit={{order}}", (12, 62), "before a step has extracted it");
        wrong("?limit={{limit}}", "?limit={{limit", (12, 62), "without its closing }}");
        wrong("?limit={{limit}}", "?limit={limit}", (12, 62), "two braces");
        wrong("?limit={{limit}}", "?q=a b", (12, 59), "write %20");
        wrong("GET /orders?", "get /orders?", (12, 43), "did you mean \"GET\"?");
        wrong("GET /orders?", "/orders?", (12, 43), "the method is missing");
        wrong("GET /orders?", "GET orders?", (12, 48), "must start with /");
        wrong("GET /orders?", "GET http://x/?", (12, 48), "the host is the \"url\"");
        wrong("\"Authorization\"", "\"Content-Length\"", (13, 22), "set by loadgate");
        wrong("\"Authorization\"", "\"a b\"", (13, 22), "not the name of a header");
        wrong("${TOKEN:-none}", "${TOKEN}", (13, 47), "TOKEN is not set");
        wrong("${TOKEN:-none}", "${TOKEN", (13, 47), "without its closing }");
        wrong("none}", "none}\\r\\nx: y", (13, 39), "line breaks");
        wrong("\"{{uuid}}\"", "\"{{uid}}\"", (19, 26), "did you mean \"uuid\"?");
        wrong("\"{{uuid}}\"", "\"{{random 9..1}}\"", (19, 26), "is empty");
        wrong("\"quantity\": 1 }", "\"q\": 1 }, \"body\": \"\"", (19, 48), "one body");
        wrong("200 }", "700 }", (14, 30), "between 100 and 599");
        wrong("\"2xx\"", "\"2xy\"", (19, 77), "is not a status");
        wrong("$.items[0].id", "$.items[0", (14, 68), "not a JSONPath");
        wrong("\"order\":", "\"order\": \"$.a\", \"limit\":", (14, 66), "a constant already");
        wrong("1s..3s", "3s..1s", (15, 18), "shorter than the shortest");
        wrong("\"think\"", "\"name\": \"x\", \"think\"", (15, 9), "beside \"think\"");
        wrong("\"timeout\": \"2s\"", "\"timeout\": \"2h\"", (16, 78), "at most 1h");
        wrong("\"once\": false", "\"once\": true", (17, 31), "again and again");
        wrong("\"show order\"", "\"list orders\"", (16, 17), "two steps are named");
        wrong("\"buy\"", "\"browse\"", (17, 15), "two flows are named");
    }

    #[test]
    fn numbers_of_a_body_are_sent_as_they_are_written() {
        let numbers = "[10.00,1e3,-0,12345678901234567890123,0.1234567890123456789,7]";
        let text = GOOD.replacen("\"quantity\": 1 ", &format!("\"n\": {numbers} "), 1);
        let scenario = read(&text).unwrap_or_else(|problems| panic!("{problems}"));
        let bodies = scenario.steps.iter().filter_map(|step| step.request.body.as_ref());
        let expected = format!(",\"n\":{numbers}}}");
        assert!(format!("{:?}", bodies.collect::<Vec<_>>()).contains(&format!("{expected:?}")));
    }

    #[test]
    fn placeholders_in_keys_of_a_body_are_filled_in() {
        let body = |from: &str, to: &str| {
            let text = GOOD.replacen("\"json\": { \"sku\": \"{{uuid}}\", \"quantity\": 1 }", to, 1);
            let env = |name: &str| (name == "FIELD").then(|| "a\"b".to_owned());
            let scenario = parse(&text, &Origin::default(), &env, &read_text);
            let scenario = scenario.unwrap_or_else(|problems| panic!("{from}: {problems}"));
            let body = scenario.steps[2].request.body.as_ref().unwrap();
            body.templates().next().unwrap().as_literal().map(str::to_owned)
        };
        let filled =
            body("a constant", "\"json\": { \"{{limit}}\": 1, \"a\": [{ \"{{limit}}x\": {} }] }");
        assert_eq!(filled.as_deref(), Some("{\"20\":1,\"a\":[{\"20x\":{}}]}"));
        let filled = body("the environment", "\"json\": { \"${FIELD}\": 1 }");
        assert_eq!(filled.as_deref(), Some("{\"a\\\"b\":1}"));
        let filled = body("a form", "\"form\": { \"f[{{limit}}]\": \"{{limit}}\" }");
        assert_eq!(filled.as_deref(), Some("f%5B20%5D=20"));
        assert_eq!(body("the user", "\"json\": { \"u{{user}}\": 1 }"), None);
    }

    /// The same, with the place marked by `¦` in what is written instead.
    #[track_caller]
    fn marked(from: &str, to: &str, message: &str) {
        let text = GOOD.replacen(from, to, 1);
        let before = &text[..text.find('¦').expect("a mark")];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        wrong(from, &to.replace('¦', ""), (line, column), message);
    }

    #[test]
    fn placeholders_that_would_stay_as_they_are_have_a_place() {
        let json = "\"sku\": \"{{uuid}}\"";
        marked(json, "¦\"{{nosuch}}\": 1", "unknown placeholder {{nosuch}}");
        marked(json, "\"a ¦{{limt}}\": 1", "did you mean \"limit\"?");
        marked(json, "\"a\": [{ ¦\"{{uid}}\": 1 }]", "did you mean \"uuid\"?");
        marked(json, "\"x\": 1, ¦\"{{x\": 1", "without its closing }}");
        marked(json, "\"20\": 1, ¦\"{{limit}}\": 1", "becomes the same as another key");
        marked(json, "\"{{user}}\": 1, ¦\"{{ user }}\": 1", "the same as another key");
        marked(json, "¦\"${NONE}\": 1", "NONE is not set");
        let stray = "is not filled in here";
        marked("\"show order\"", "\"show ¦{{order}}\"", stray);
        marked("\"Authorization\"", "¦\"X-{{user}}\"", "only its value can have");
        marked("\"order\":", "\"order\": \"$.a\", ¦\"{{limit}}\":", "without braces");
        marked("$.items[0].id", "$.items[?@.a == '¦{{limit}}'].id", stray);
        marked("\"/metrics\"", "\"/metrics/¦{{limit}}\"", stray);
        marked("127.0.0.1:3000/api", "127.0.0.1:3000/¦{{limit}}", stray);
        marked("\"cwd\": \"..\"", "\"cwd\": \"x¦{{limit}}\"", stray);
        marked("server.js", "x¦{{limit}}.js", stray);
        marked("\"PORT\": \"3000\"", "\"PORT\": ¦\"{{random 1..9}}\"", stray);
        marked("\"PORT\"", "¦\"{{limit}}\"", stray);
        marked("\"name\": \"orders\"", "\"name\": \"orders-¦${NONE:-x}\"", "cannot contain ${VAR}");
        marked("\"rate\": \"100/s\"", "\"rate\": ¦\"{{limit}}/s\"", stray);
        let tenant = "\"weight\": 8, \"tenant\": ¦\"{{user}}\"";
        marked("\"weight\": 8", tenant, "nobody knows this name before");
        let tenants = "\"weight\": 8, ¦\"tenants\": \"{{user}}\"";
        marked("\"weight\": 8", tenants, "unknown key \"tenants\"");
    }

    #[test]
    fn a_step_whose_request_is_mistyped_is_told_once() {
        let text = GOOD.replacen("\"request\"", "\"requst\"", 1);
        let error = read(&text).unwrap_err().to_string();
        assert!(error.contains("did you mean \"request\"?"), "{error}");
        assert!(!error.contains("a step without"), "{error}");
    }

    #[test]
    fn double_braces_of_other_programs_are_theirs() {
        let command = "[\"docker\", \"ps\", \"--format\", \"{{.Names}} {{json .}}\"]";
        let text = GOOD.replacen("[\"node\", \"server.js\"]", command, 1);
        let scenario = read(&text).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(scenario.target.start.unwrap().command[3], "{{.Names}} {{json .}}");
    }

    #[test]
    fn mistakes_about_load_and_objectives_have_a_place() {
        wrong("\"rate\": \"100/s\"", "\"rate\": \"100\"", (22, 29), "write \"100/s\"");
        wrong("50/s -> 200/s", "50/s - 200/s", (23, 29), "for a ramp write");
        wrong("50/s -> 200/s", "0/s", (23, 29), "\"pause\": true");
        wrong("\"pause\": true", "\"pause\": false", (24, 5), "\"rate\" is missing");
        wrong(
            "\"60s\", \"rate\": \"50/s -> 200/s\"",
            "\"60s\", \"pause\": true",
            (21, 57),
            "no stage is judged",
        );
        wrong("p95 < 200ms", "p95 > 200ms", (26, 13), "write \"p95 < 200ms\"");
        wrong("p95 < 200ms", "availabilty > 1%", (26, 13), "did you mean \"availability\"?");
        wrong("p95 < 200ms", "p95 < 20s", (26, 13), "longer than the timeout of 10s");
        wrong("p95 < 200ms", "error_rate < 0%", (26, 13), "<= 0%");
        wrong("p95 < 200ms", "p95 < 2s for 95%", (26, 13), "cannot read the windows");
        wrong("availability >= 99.9%", "p95 <= 1s", (26, 28), "second limit for the same");
        wrong(
            "\"create order\": [",
            "\"create ordre\": [",
            (27, 16),
            "did you mean \"create order\"?",
        );
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let problems = read(include_str!("../../tests/fixtures/scenarios/many.json")).unwrap_err();
        let path = scenarios().join("../tests/fixtures/scenarios/many.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, format!("{problems}\n")).unwrap();
        }
        assert!(problems.all.len() >= 10);
        assert_eq!(format!("{problems}\n"), std::fs::read_to_string(path).unwrap());
    }

    #[test]
    fn a_shared_slo_file_has_places_of_its_own() {
        let slo = &GOOD[GOOD.find("\"slo\"").unwrap()..GOOD.find("\"limits\"").unwrap()];
        let with = |text: &str| read(&GOOD.replace(slo, text)).unwrap_err();
        let problems = with("\"slo\": { \"file\": \"slo.json\" },");
        assert_eq!(problems.all.len(), 1, "{problems}");
        assert!(
            problems.to_string().starts_with("slo.json:2:3: unknown key \"stps\""),
            "{problems}"
        );
        let problems = with("\"slo\": { \"file\": \"none.json\" },");
        assert!(problems.to_string().contains("none.json does not exist"), "{problems}");
        let problems = with("\"slo\": { \"file\": \"slo.json\", \"all\": [\"p99 < 1s\"] },");
        assert!(problems.to_string().contains("both here and in a file"), "{problems}");
    }

    #[test]
    fn files_that_cannot_be_read_say_why() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, bytes: &[u8], message: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let problems = load(&path, &nothing).unwrap_err();
            assert!(problems.to_string().contains(message), "{problems}");
        };
        check("latin.json", b"{ \"name\": \"\xe9\" }", "is not UTF-8 text");
        check("huge.json", &vec![b' '; 17 << 20], "larger than 16 MiB");
        check("empty.json", b"", "1:1: the file is empty");
        check("bom.json", b"\xef\xbb\xbf[]", "1:1: the file must be an object, found a list");
        let problems = load(folder.path(), &nothing).unwrap_err();
        assert!(problems.to_string().contains("is a folder"), "{problems}");
        let problems = load(&folder.path().join("none"), &nothing).unwrap_err();
        assert!(problems.to_string().contains("does not exist"), "{problems}");
    }

    #[test]
    fn what_comes_from_the_environment_is_nowhere_to_be_read() {
        let env = |name: &str| match name {
            "TOKEN" => Some("s3cr3t-token".to_owned()),
            "BASE" => Some("http://LocalHost:8080".to_owned()),
            _ => None,
        };
        let text = GOOD
            .replace("http://127.0.0.1:3000/api", "${BASE}")
            .replace("${TOKEN:-none}", "${TOKEN}")
            .replace("GET /orders/{{order}}", "GET /orders/${TOKEN}")
            .replace("p95 < 200ms", "p95 < ${LIMIT:-200ms}");
        let origin = Origin::default();
        let scenario = parse(&text, &origin, &env, &read_text).unwrap();
        assert_eq!(scenario.steps[1].label, "GET /orders/${TOKEN}");
        assert_eq!(scenario.slos[0].text, "p95 < ${LIMIT:-200ms}");
        assert_eq!(scenario.steps[1].request.path.as_literal(), Some("/orders/s3cr3t-token"));
        assert_eq!(
            scenario.secrets.redact("to localhost: s3cr3t-token"),
            "to [redacted]: [redacted]"
        );
        let faulty = text.replace("\"2s\"", "\"${TOKEN}\"");
        let problems = parse(&faulty, &origin, &env, &read_text).unwrap_err().to_string();
        assert!(!problems.contains("s3cr3t") && problems.contains("[redacted]"), "{problems}");
    }

    #[test]
    fn a_port_from_the_environment_and_a_host_from_the_file_are_no_secrets() {
        let env = |name: &str| match name {
            "TOKEN" => Some("s3cr3t-token".to_owned()),
            "PORT" => Some("4321".to_owned()),
            _ => None,
        };
        let text = GOOD.replace("http://127.0.0.1:3000", "http://127.0.0.1:${PORT:-3000}");
        let scenario = parse(&text, &Origin::default(), &env, &read_text).unwrap();
        let line = "s3cr3t-token at http://127.0.0.1:4321";
        assert_eq!(scenario.secrets.redact(line), "[redacted] at http://127.0.0.1:4321");
    }

    #[test]
    fn without_objectives_the_default_ones_hold() {
        let text = r#"{ "target": { "demo": true }, "load": { "stages": [{ "for": "1s", "rate": "1/s" }] },
            "flows": [{ "name": "a", "steps": [{ "request": "GET /", "timeout": "1s" }] }] }"#;
        let scenario = read(text).unwrap();
        assert_eq!((scenario.slos.len(), scenario.name.as_str()), (5, "s"));
        let problems =
            read(&text.replace(r#""timeout": "1s""#, r#""timeout": "0.1s""#)).unwrap_err();
        assert!(problems.to_string().contains("default objectives"), "{problems}");
    }

    #[test]
    fn an_error_budget_is_for_thirty_days_unless_the_file_says() {
        let text = r#"{ "target": { "demo": true }, "load": { "stages": [{ "for": "1s", "rate": "1/s" }] },
            "flows": [{ "name": "a", "steps": [{ "request": "GET /" }] }], "slo": {} }"#;
        assert_eq!(read(text).unwrap().budget_hours, 720);
        let with = |window: &str| {
            read(&text.replace("{} }", &format!("{{ \"budget_window\": \"{window}\" }} }}")))
        };
        assert_eq!(with("28d").unwrap().budget_hours, 672);
        for (window, message) in [("30m", "at least 1h"), ("30", "a length of time")] {
            let problems = with(window).unwrap_err().to_string();
            assert!(
                problems.starts_with("s.json:2:102: ") && problems.contains(message),
                "{problems}"
            );
        }
    }

    #[test]
    fn the_hash_is_that_of_requests_and_load() {
        let hash = |from: &str, to: &str| read(&GOOD.replacen(from, to, 1)).unwrap().hash;
        let original = hash("x", "x");
        assert_eq!(original.len(), 64);
        assert_eq!(original, hash("127.0.0.1:3000", "127.0.0.1:4000"));
        assert_eq!(original, hash("p95 < 200ms", "p95 < 300ms"));
        assert_eq!(original, hash("\"once\": false,", ""));
        assert_eq!(original, hash("\n", "\n\n"));
        assert_eq!(original, hash("\"seed\": 7,", "\"seed\": 7, // lucky\n"));
        assert_eq!(original, hash("true } ] },", "true }, /* last */ ] },"));
        assert_ne!(original, hash("\"seed\": 7", "\"seed\": 8"));
        assert_ne!(original, hash("\"limit\": \"20\"", "\"limit\": \"21\""));
        assert_ne!(original, hash("\"weight\": 8", "\"weight\": 7"));
        assert_ne!(original, hash("\"quantity\": 1", "\"quantity\": null"));
        let digits = |to: &str| hash("\"quantity\": 1", &format!("\"quantity\": {to}"));
        assert_ne!(digits("1.0"), digits("1.00"));
    }

    #[test]
    fn hosts_are_loopback_or_allowed() {
        let url = |url: &str| read(&GOOD.replacen("http://127.0.0.1:3000/api", url, 1)).is_ok();
        for good in [
            "http://[::1]:3000",
            "http://127.9.9.9",
            "http://LOCALHOST/",
            "http://Staging.Example.com",
        ] {
            assert!(url(good), "{good}");
        }
        for bad in [
            "http://0.0.0.0",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "http://[::]",
            "ftp://localhost",
        ] {
            assert!(!url(bad), "{bad}");
        }
        let caller = Caller { allow: vec!["10.0.0.1".to_owned()], ..Caller::default() };
        let origin = Origin { caller, ..Origin::default() };
        let text = GOOD.replace("127.0.0.1", "10.0.0.1");
        assert!(parse(&text, &origin, &nothing, &read_text).is_ok());
    }

    #[test]
    fn hostile_nesting_in_a_path_ends_soon() {
        let path = format!("$[?{}", "(".repeat(180));
        assert!(read(&GOOD.replace("$.items[0].id", &path)).is_err());
        let path = format!("$[?{}@.a{}]", "(".repeat(6), ")".repeat(6));
        assert!(read(&GOOD.replace("$.items[0].id", &path)).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_scenario_or_has_problems(text in "\\PC*|[\\x00-\\x7f]*|[{}\\[\\]\",:a0-9 ]*") {
            let problems = read(&text).unwrap_err();
            proptest::prop_assert!(!problems.all.is_empty());
        }

        #[test]
        fn a_damaged_scenario_never_panics(
            at in 0..GOOD.len(),
            length in 0_usize..40,
            text in "\\PC{0,4}|[{}\\[\\]\",:0-9$<>-]{0,6}|null|true|\\[\\]|\\{\\}|\"\"|1e9",
        ) {
            let (start, end) = (at, (at + length).min(GOOD.len()));
            if GOOD.is_char_boundary(start) && GOOD.is_char_boundary(end) {
                let damaged = format!("{}{text}{}", &GOOD[..start], &GOOD[end..]);
                if let Err(problems) = read(&damaged) {
                    proptest::prop_assert!(problems.all.iter().all(|problem| problem.line > 0));
                }
            }
        }

        #[test]
        fn a_value_replaced_by_another_never_panics_and_what_is_read_fits_the_schema(
            nth in 0_usize..120,
            value in "null|true|-1|1\\.5|\"\"|\"x\"|\\[\\]|\\{\\}|\\[\\[\\]\\]|\"\\$\\{\"|\"\\{\\{\"",
        ) {
            let mut whole: Value = serde_json::from_str(GOOD).unwrap();
            replace(&mut whole, &mut nth.clone(), &serde_json::from_str(&value).unwrap());
            match read(&whole.to_string()) {
                Ok(_) => proptest::prop_assert!(SCHEMA.is_valid(&whole), "{whole}"),
                Err(problems) => {
                    proptest::prop_assert!(!problems.to_string().contains("invalid type"));
                }
            }
        }
    }

    /// Replaces the nth value of a document.
    fn replace(value: &mut Value, nth: &mut usize, by: &Value) {
        if *nth == 0 {
            *value = by.clone();
        }
        *nth = nth.wrapping_sub(1);
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| replace(item, nth, by)),
            Value::Object(members) => members.values_mut().for_each(|item| replace(item, nth, by)),
            _ => {}
        }
    }
}
