//! A scenario's requests as curl commands for a shell: what a person would type to ask the same.
//!
//! No secret is written: what came from the environment stands as `"$NAME"`, and so does what
//! a name such as `authorization` or `password` says to be one. What an earlier step extracts is
//! `"$name"` too, with a comment that says where it comes from.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::record::redaction::{REDACTED, is_secret, masked};
use crate::record::walk::{Known, Walk};
use crate::report::shell::{ShellPart, quoted, variable, word};
use crate::scenario::body::{Body, Content, Part};
use crate::scenario::data::order::Taking;
use crate::scenario::data::table::Cell;
use crate::scenario::data::{Rows, Taker};
use crate::scenario::ids::CellId;
use crate::scenario::model::{Action, Address, Place, Scenario, Step};
use crate::scenario::secrets::Told;
use crate::scenario::template::{Escape, Piece, Template, Values};

/// The variable for a secret that has no name.
const UNNAMED: &str = "SECRET";

/// The commands of all flows. Of a walk, the values that it extracted are filled in.
pub fn commands(scenario: &Scenario, walk: Option<&Walk>) -> String {
    let writer = Writer { scenario, walk };
    let mut text = String::new();
    let mut needed = Vec::new();
    for (index, flow) in scenario.flows.iter().enumerate() {
        let lead = if index > 0 { "\n" } else { "" };
        add(&mut text, &format!("{lead}# flow \"{}\"\n", comment(&flow.name)));
        for action in &flow.actions {
            match action {
                Action::Think(think) => {
                    add(&mut text, &format!("# thinks for {think}\n"));
                }
                Action::Request(id) => {
                    add(&mut text, &writer.command(scenario.step(*id), &mut needed));
                }
                Action::Unless(..) => add(&mut text, "# only at times, by a condition:\n"),
                Action::Repeat { least, most, .. } if least == most => {
                    add(&mut text, &format!("# {most} times:\n"));
                }
                Action::Repeat { least, most, .. } => {
                    add(&mut text, &format!("# {least} to {most} times:\n"));
                }
                Action::Choose(ways) => {
                    add(&mut text, &format!("# one of {} ways:\n", ways.len()));
                }
                Action::Goto(_) => add(&mut text, "# or else:\n"),
                Action::Leave(_) => add(&mut text, "# end of this way\n"),
                Action::Again { .. } => add(&mut text, "# end of what is repeated\n"),
            }
        }
    }
    if needed.is_empty() {
        return text;
    }
    format!("# set before: {}\n{text}", needed.join(", "))
}

fn add(text: &mut String, more: &str) {
    text.push_str(more);
}

/// What is drawn first.
fn example(piece: &Piece) -> String {
    let template = Template { pieces: vec![piece.clone()], escape: Escape::Verbatim };
    let mut text = String::new();
    template.render(&mut Values::nobodys(&mut || 0), &mut text);
    text
}

/// As curl has it in a list.
fn bracketed(address: &IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// Fit for a comment: on one line.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

struct Writer<'a> {
    scenario: &'a Scenario,
    walk: Option<&'a Walk>,
}

impl Writer<'_> {
    /// What opens a WebSocket, for programs that speak it.
    fn websocket(&self, step: &Step, needed: &mut Vec<String>) -> String {
        let mut url = self.told(&self.authority().replacen("http", "ws", 1));
        url.extend(self.parts(&step.request.path, None));
        self.need(&url, needed);
        let (name, url) = (comment(&step.name), word(&url));
        format!("# {name}\n# a WebSocket, which curl does not speak: websocat {url}\n")
    }

    fn command(&self, step: &Step, needed: &mut Vec<String>) -> String {
        if step.kind.is_websocket() {
            return self.websocket(step, needed) + &self.extracted(step);
        }
        let request = &step.request;
        // Events are shown as they come.
        let unbuffered = if step.kind.is_stream() { " -N" } else { "" };
        let limit = step.timeout.as_secs_f64();
        let mut words = vec![format!("curl -i -g{unbuffered} --max-time {limit}")];
        match request.method.as_str() {
            "GET" if request.body.is_none() => {}
            "HEAD" => words.push("--head".to_owned()),
            method => words.push(format!("-X {method}")),
        }
        let mut url = self.told(&self.authority());
        url.extend(self.parts(&request.path, None));
        words.extend(self.manner().iter().map(|flag| (*flag).to_owned()));
        let mut arguments: Vec<_> = self
            .way()
            .into_iter()
            .map(|(flag, text)| (flag.to_owned(), self.told(&text)))
            .collect();
        arguments.push((String::new(), url));
        for (name, value) in &request.headers {
            if name == "content-type" && matches!(request.body, Some(Body::Parts(_))) {
                // curl has a boundary of its own.
                continue;
            }
            let mut header = vec![ShellPart::Text(format!("{name}: "))];
            header.extend(self.parts(value, Some(name)));
            arguments.push(("-H ".to_owned(), header));
        }
        if let Some(body) = &request.body {
            if !request.headers.iter().any(|(name, _)| name == "content-type") {
                // curl would name a type that the scenario does not.
                arguments
                    .push(("-H ".to_owned(), vec![ShellPart::Text("content-type:".to_owned())]));
            }
            arguments.extend(self.body(body));
        }
        for (flag, parts) in &arguments {
            self.need(parts, needed);
            words.push(format!("{flag}{}", word(parts)));
        }
        let first = words.iter().take_while(|word| !word.starts_with(['\'', '"'])).count() + 1;
        let (line, rest) = words.split_at(first.min(words.len()));
        let mut text = format!("# {}\n{}", comment(&step.name), line.join(" "));
        for word in rest {
            add(&mut text, &format!(" \\\n  {word}"));
        }
        text.push('\n');
        text + &self.extracted(step)
    }

    /// The arguments that are the body.
    fn body(&self, body: &Body) -> Vec<(String, Vec<ShellPart>)> {
        let text = |text: String| ShellPart::Text(text);
        match body {
            Body::Text(template) => vec![("--data-raw ".to_owned(), self.parts(template, None))],
            Body::File(file) => {
                let path = vec![text(format!("@{}", file.path.display()))];
                vec![("--data-binary ".to_owned(), path)]
            }
            Body::Parts(parts) => parts.parts.iter().map(|part| self.part(part)).collect(),
        }
    }

    /// One of the parts of a form, in quotes that curl takes away.
    fn part(&self, part: &Part) -> (String, Vec<ShellPart>) {
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let mut all = vec![ShellPart::Text(format!("{}=", part.name))];
        match &part.content {
            Content::File(file) => {
                let path = quoted(&file.path.display().to_string());
                all.push(ShellPart::Text(format!("@\"{path}\"")));
            }
            Content::Text(template) => {
                all.push(ShellPart::Text("\"".to_owned()));
                all.extend(self.parts(template, None).into_iter().map(|part| match part {
                    ShellPart::Text(text) => ShellPart::Text(quoted(&text)),
                    part @ (ShellPart::Variable(_) | ShellPart::Command(_)) => part,
                }));
                all.push(ShellPart::Text("\"".to_owned()));
            }
        }
        if let Some(kind) = &part.content_type {
            all.push(ShellPart::Text(format!(";type={kind}")));
        }
        if let Some(name) = &part.filename {
            all.push(ShellPart::Text(format!(";filename=\"{}\"", quoted(name))));
        }
        ("-F ".to_owned(), all)
    }

    /// Variables that come from nowhere in the commands.
    fn need(&self, parts: &[ShellPart], needed: &mut Vec<String>) {
        let own: Vec<String> = self.scenario.variables.iter().map(|name| variable(name)).collect();
        for part in parts {
            if let ShellPart::Variable(name) = part
                && !own.contains(name)
                && !needed.contains(name)
            {
                needed.push(name.clone());
            }
        }
    }

    fn authority(&self) -> String {
        match &self.scenario.target.address {
            // The demo has a port only while it runs.
            Address::Demo(demo) if demo.is_secured => "https://127.0.0.1:3000".to_owned(),
            Address::Demo(_) => "http://127.0.0.1:3000".to_owned(),
            Address::Http(address) => {
                let name = address.tls_settings().and_then(|it| it.server_name.as_deref());
                match name {
                    Some(name) => format!("{}://{name}:{}", address.scheme(), address.port),
                    None => format!("{}://{}", address.scheme(), address.authority()),
                }
            }
        }
    }

    /// Which protocols are spoken. By itself curl speaks HTTP/2 where it is agreed upon.
    fn manner(&self) -> Vec<&'static str> {
        let address = &self.scenario.target.address;
        let is_http2 = self.scenario.streams().is_some();
        let version = match (address.is_secured(), is_http2) {
            (true, true) => Some("--http2"),
            (true, false) => Some("--http1.1"),
            (false, true) => Some("--http2-prior-knowledge"),
            (false, false) => None,
        };
        let settings = match address {
            Address::Demo(_) => None,
            Address::Http(address) => address.tls_settings(),
        };
        // Nobody but its own scenarios trusts the demo's certificate.
        let is_demo = address.is_demo() && address.is_secured();
        let told = settings.map(|it| (it.insecure, it.is_new_only()));
        let (is_told, is_new) = told.unwrap_or_default();
        let is_insecure = is_demo || is_told;
        let flags = [version, is_insecure.then_some("-k"), is_new.then_some("--tlsv1.3")];
        flags.into_iter().flatten().collect()
    }

    /// How the target is reached, and by what it and we prove who we are.
    fn way(&self) -> Vec<(&'static str, String)> {
        let Address::Http(address) = &self.scenario.target.address else { return Vec::new() };
        let mut way = Vec::new();
        match &address.place {
            Place::Named => {}
            Place::Socket(path) => way.push(("--unix-socket ", path.display().to_string())),
            Place::Pinned(addresses) => {
                let addresses: Vec<String> = addresses.iter().map(bracketed).collect();
                let (host, port) = (&address.host, address.port);
                way.push(("--resolve ", format!("{host}:{port}:{}", addresses.join(","))));
            }
        }
        way.extend(address.from.first().map(|from| ("--interface ", from.to_string())));
        let Some(settings) = address.tls_settings() else {
            return way;
        };
        if let Some(name) = &settings.server_name {
            // The name is asked for, and the connection made to the host.
            let (host, port) = (&address.host, address.port);
            way.push(("--connect-to ", format!("{name}:{port}:{host}:{port}")));
            way.push(("-H ", format!("host: {}", address.authority())));
        }
        let files = &settings.files;
        let files =
            [("--cacert ", &files.ca), ("--cert ", &files.certificate), ("--key ", &files.key)];
        let given = |(flag, path): (_, &Option<PathBuf>)| {
            Some((flag, path.as_ref()?.display().to_string()))
        };
        way.extend(files.into_iter().filter_map(given));
        way
    }

    /// What a step keeps of its answer.
    fn extracted(&self, step: &Step) -> String {
        let mut text = String::new();
        for extraction in &step.extract {
            let name = &self.scenario.variables[extraction.variable.index()];
            let (shell, path) = (variable(name), extraction);
            let _ = match self.known(step, name) {
                Some(Known::Value(value)) => {
                    writeln!(text, "{shell}={}  # {path} of the answer", quoted(value))
                }
                _ => writeln!(text, "# {shell}=…  # {path} of the answer"),
            };
        }
        text
    }

    fn known(&self, step: &Step, name: &str) -> Option<&Known> {
        let steps = self.walk?.flows.iter().flat_map(|flow| &flow.steps);
        let mut found = steps.filter(|walked| walked.head.name == step.name);
        let extracted = &found.next()?.extracted;
        extracted.iter().find(|one| one.name == name).map(|one| &one.known)
    }

    /// A text in parts, without secrets. `field` is the header it is the value of.
    fn parts(&self, template: &Template, field: Option<&str>) -> Vec<ShellPart> {
        let is_secret_field = field.is_some_and(is_secret);
        let parts: Vec<ShellPart> =
            template.pieces.iter().flat_map(|piece| self.piece(piece)).collect();
        let is_literal = parts.iter().all(|part| matches!(part, ShellPart::Text(_)));
        if is_secret_field && is_literal {
            return vec![ShellPart::Variable(variable(&field.unwrap_or_default().to_uppercase()))];
        }
        parts.into_iter().flat_map(by_name).collect()
    }

    /// A text of the scenario without what came from the environment.
    fn told(&self, text: &str) -> Vec<ShellPart> {
        let told = self.scenario.secrets.told(text).into_iter();
        told.map(|part| match part {
            Told::Text(text) => ShellPart::Text(text),
            Told::Secret(name) => ShellPart::Variable(variable(name.as_deref().unwrap_or(UNNAMED))),
        })
        .collect()
    }

    fn piece(&self, piece: &Piece) -> Vec<ShellPart> {
        match piece {
            Piece::Literal(text) => self.told(text),
            Piece::Variable(id) => {
                vec![ShellPart::Variable(variable(&self.scenario.variables[id.index()]))]
            }
            Piece::Cell(id) => self.cell(*id),
            Piece::JsonValue(inner) => {
                let quote = || ShellPart::Text("\"".to_owned());
                let inside = self.piece(inner);
                match inner.as_ref() {
                    inner if inner.is_number() => inside,
                    Piece::Cell(id) if matches!(self.first(*id), Some(Cell::Json(_))) => inside,
                    _ => [vec![quote()], inside, vec![quote()]].concat(),
                }
            }
            Piece::Encoded(..) => vec![ShellPart::Variable(variable(UNNAMED))],
            Piece::Uuid => vec![ShellPart::Command("uuidgen")],
            Piece::User | Piece::Iteration => vec![ShellPart::Text("1".to_owned())],
            Piece::UnixMillis => vec![ShellPart::Command("date +%s000")],
            Piece::Random(low, _) => vec![ShellPart::Text(low.to_string())],
            Piece::Moment(_) => vec![ShellPart::Variable("TIME".to_owned())],
            Piece::Letters(..) | Piece::Name(_) | Piece::Choice(_) | Piece::Counter(_) => {
                vec![ShellPart::Text(example(piece))]
            }
        }
    }
}

impl Writer<'_> {
    /// A value of the row that the first iteration has, unless its column says that it is a secret.
    fn cell(&self, id: CellId) -> Vec<ShellPart> {
        let source = &self.scenario.data.sources[id.source.index()];
        let column = &source.table.columns()[usize::from(id.column)];
        match self.first(id) {
            Some(Cell::Text(text) | Cell::Json(text)) if !is_secret(column) => self.told(text),
            _ => vec![ShellPart::Variable(variable(&format!("{}_{column}", source.name)))],
        }
    }

    fn first(&self, id: CellId) -> Option<Cell<'_>> {
        let (data, seed) = (&*self.scenario.data, self.scenario.load.seed);
        let rows = Rows { data, seed, taking: Taking::Look };
        rows.cell(id, Taker { user: 1, iteration: 1 })
    }
}

/// What a text says to be secret by its name or form is `"$SECRET"`.
fn by_name(part: ShellPart) -> Vec<ShellPart> {
    let ShellPart::Text(text) = part else { return vec![part] };
    let shown = masked(&text);
    if shown == text {
        return vec![ShellPart::Text(text)];
    }
    let mut parts = Vec::new();
    for (index, piece) in shown.split(REDACTED).enumerate() {
        if index > 0 {
            parts.push(ShellPart::Variable(UNNAMED.to_owned()));
        }
        if !piece.is_empty() {
            parts.push(ShellPart::Text(piece.to_owned()));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::scenario::read::Caller;
    use crate::scenario::read::{Origin, parse};

    fn scenario(steps: &str) -> Scenario {
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:3000/api"}},
                "flows": [{{"name": "f", "steps": [{steps}]}}],
                "load": {{"stages": [{{"for": "60s", "rate": "1/s"}}]}}}}"#
        );
        let lookup = |name: &str| (name == "API_TOKEN").then(|| "s3cr3t-from-outside".to_owned());
        let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        parse(&text, &Origin::default(), &lookup, &no_file).unwrap()
    }

    #[track_caller]
    fn check(step: &str, expected: &[&str]) -> String {
        let text = commands(&scenario(step), None);
        for line in expected {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
        assert!(!text.contains("s3cr3t") && !text.contains("pa55"), "{text}");
        text
    }

    #[test]
    fn a_request_is_written_as_one_would_type_it() {
        let text = check(
            r#"{"name": "list", "request": "GET /orders?a=1&b=2"}"#,
            &[
                "# flow \"f\"\n# list\ncurl -i -g --max-time 10 'http://127.0.0.1:3000/api/orders?a=1&b=2'",
            ],
        );
        assert!(!text.contains("set before"), "{text}");
        check(r#"{"name": "gone", "request": "DELETE /orders/1"}"#, &["-X DELETE 'http"]);
        check(r#"{"name": "head", "request": "HEAD /"}"#, &["--head 'http"]);
        check(
            r#"{"name": "say", "request": "POST /", "body": "it's"}"#,
            &["-X POST", "-H 'content-type:' \\\n  --data-raw 'it'\\''s'"],
        );
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn how_the_target_is_reached_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["api.test".to_owned()]).unwrap();
        std::fs::write(folder.path().join("c a.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let told = |target: &str, caller: Caller| {
            let text = format!(
                r#"{{"name": "one", "target": {target},
                    "flows": [{{"name": "f", "steps": [{{"name": "a", "request": "GET /"}}]}}],
                    "load": {{"stages": [{{"for": "60s", "rate": "1/s"}}]}}}}"#
            );
            let origin = Origin { folder: folder.path().to_owned(), caller, ..Origin::default() };
            let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
            commands(&parse(&text, &origin, &|_| None, &no_file).unwrap(), None)
        };
        let place = folder.path().display();
        let ca = format!("--cacert '{place}/c a.pem'");
        let resolved =
            Caller { resolve: vec!["localhost:81:127.0.0.1,::1".to_owned()], ..Caller::default() };
        let from = Caller { local: vec!["127.0.0.1".to_owned()], ..Caller::default() };
        for (target, caller, wanted) in [
            (
                r#"{"demo": "tls", "http2": true}"#,
                Caller::default(),
                vec!["--http2 -k ", "'https://"],
            ),
            (r#"{"demo": true}"#, Caller::default(), vec!["max-time 10 'http://127.0.0.1"]),
            (
                r#"{"url": "http://localhost:81", "http2": "prior-knowledge"}"#,
                Caller::default(),
                vec!["--http2-prior-knowledge"],
            ),
            (
                r#"{"url": "http://localhost:81"}"#,
                resolved,
                vec!["--resolve 'localhost:81:127.0.0.1,[::1]'"],
            ),
            (r#"{"url": "http://127.0.0.1:81"}"#, from, vec!["--interface '127.0.0.1'"]),
            (
                r#"{"url": "https://localhost:81", "tls": {"insecure": true, "min_version": "1.3"}}"#,
                Caller::default(),
                vec!["--http1.1 -k --tlsv1.3"],
            ),
            (
                r#"{"url": "https://localhost:81", "http2": true,
                 "tls": {"ca": "c a.pem", "cert": "c a.pem", "key": "key.pem", "server_name": "api.test"}}"#,
                Caller::default(),
                vec![
                    "--http2 ",
                    &ca,
                    "--cert '",
                    "--key '",
                    "key.pem'",
                    "'https://api.test:81/'",
                    "--connect-to 'api.test:81:localhost:81'",
                    "-H 'host: localhost:81'",
                ],
            ),
        ] {
            let text = told(target, caller);
            for part in wanted {
                assert!(text.contains(part), "{part} is not in\n{text}");
            }
            assert!(
                target.contains("insecure") || target.contains("demo") || !text.contains("-k ")
            );
        }
    }

    #[test]
    fn secrets_stand_as_variables() {
        check(
            r#"{"name": "a", "request": "GET /?key=${API_TOKEN}",
                "headers": {"authorization": "Bearer ${API_TOKEN}", "cookie": "sid=pa55"}}"#,
            &[
                "# set before: API_TOKEN, COOKIE\n",
                "key='\"$API_TOKEN\"",
                "-H 'authorization: Bearer '\"$API_TOKEN\"",
                "-H 'cookie: '\"$COOKIE\"",
            ],
        );
        check(
            r#"{"name": "a", "request": "POST /", "json": {"password": "pa55word", "n": 1}}"#,
            &["\"password\":\"'\"$SECRET\"'\"", "# set before: SECRET\n"],
        );
    }

    #[test]
    fn what_a_step_extracts_is_a_variable_for_those_behind_it() {
        let steps = r#"{"name": "a", "request": "GET /", "extract": {"order_id": "$.id"}},
            {"name": "b", "request": "POST /{{order_id}}", "json": {"id": "{{order_id}}", "u": "{{uuid}}"}}"#;
        check(
            steps,
            &[
                "# order_id=…  # $.id of the answer",
                "/api/'\"$order_id\"",
                "'{\"id\":\"'\"$order_id\"'\",\"u\":\"'\"$(uuidgen)\"'\"}'",
            ],
        );
    }

    #[test]
    fn any_name_becomes_one_that_a_shell_takes() {
        for (name, expected) in [("order-id", "order_id"), ("2nd", "_2nd"), ("X_Y", "X_Y")] {
            assert_eq!(variable(name), expected);
        }
    }

    proptest::proptest! {
        /// A shell reads each word as the text that it stands for.
        #[test]
        fn a_word_is_what_it_was(text in "[ -~\n\té]{0,40}") {
            let script = format!("printf %s {}", word(&[ShellPart::Text(text.clone())]));
            let said = Command::new("sh").arg("-c").arg(script).output().unwrap().stdout;
            proptest::prop_assert_eq!(String::from_utf8(said).unwrap(), text);
        }
    }
}
