//! The recipes of docs/recipes.md run as they stand there, but for their length and their port.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use super::support::{self, loadgate, stderr, stdout};

/// A scenario with the files that it needs.
struct Recipe {
    heading: String,
    scenario: Value,
    /// Names and texts.
    files: Vec<(String, String)>,
}

/// A block begins with its language, and that of a file with its name behind that.
fn recipes() -> Vec<Recipe> {
    let page = fs::read_to_string(support::root().join("docs/recipes.md")).expect("the page");
    let sections = page.split("\n## ").skip(1);
    sections
        .map(|section| {
            let heading = section.lines().next().expect("a heading").to_owned();
            let blocks = section.split("\n```").skip(1).step_by(2);
            let (mut scenarios, mut files) = (Vec::new(), Vec::new());
            for block in blocks {
                let (language, text) = block.split_once('\n').expect("a block");
                match language.split_once(' ') {
                    Some((_, name)) => files.push((name.to_owned(), text.to_owned())),
                    None if language == "json" => scenarios.push(text),
                    None => {}
                }
            }
            let [scenario] = scenarios[..] else {
                panic!("{heading}: {} scenarios", scenarios.len())
            };
            let scenario =
                serde_json::from_str(scenario).unwrap_or_else(|error| panic!("{heading}: {error}"));
            Recipe { heading, scenario, files }
        })
        .collect()
}

impl Recipe {
    fn laid_out(&self) -> tempfile::TempDir {
        let place = tempfile::tempdir().expect("a temporary folder");
        symlink(support::root().join("examples"), place.path().join("examples")).expect("a link");
        for (name, text) in &self.files {
            fs::write(place.path().join(name), text).expect("a file");
        }
        fs::write(place.path().join("recipe.json"), self.scenario.to_string()).expect("a file");
        place
    }

    /// What takes minutes takes seconds.
    fn shortened(&self) -> Recipe {
        let mut scenario = self.scenario.clone();
        let address = format!("http://127.0.0.1:{}", support::free_port());
        // The demo finds a port by itself.
        if scenario["target"].get("demo").is_none() {
            scenario["target"]["url"] = address.into();
        }
        let object = scenario.as_object_mut().expect("a scenario");
        let mut loads: Vec<Value> = object.get("load").into_iter().cloned().collect();
        let flows = object["flows"].as_array().into_iter().flatten();
        loads.extend(flows.filter_map(|flow| flow.get("load")).cloned());
        for load in &mut loads {
            if let Some(stages) = load.get_mut("stages").and_then(Value::as_array_mut) {
                for stage in stages {
                    let is_warmup = stage["warmup"] == json!(true);
                    stage["for"] = json!(if is_warmup { "1s" } else { "2s" });
                }
            }
        }
        let mut loads = loads.into_iter();
        if let Some(load) = object.get_mut("load") {
            *load = loads.next().expect("as many as before");
        }
        for flow in object["flows"].as_array_mut().into_iter().flatten() {
            if let Some(load) = flow.get_mut("load") {
                *load = loads.next().expect("as many as before");
            }
        }
        let files = self.files.clone();
        Recipe { heading: self.heading.clone(), scenario, files }
    }
}

fn play(words: &[&str], place: &Path) -> Output {
    let mut command = loadgate();
    command.args(words).arg("recipe.json").current_dir(place).env_remove("CI");
    command.output().expect("loadgate starts")
}

/// Some seconds are too few to decide about rare failures, and a busy machine makes times longer: what is
/// asked for is that each step works, always.
fn works(recipe: &Recipe) {
    let short = recipe.shortened();
    let place = short.laid_out();
    let ran = play(&["run"], place.path());
    let said = format!("{}\n{}{}", recipe.heading, stdout(&ran), stderr(&ran));
    assert!(matches!(ran.status.code(), Some(0 | 3 | 5)), "{}: {said}", ran.status);
    let name = recipe.scenario["name"].as_str().expect("a name");
    let summary = support::summary(&place.path().join("reports").join(name).join("latest"));
    let flows = recipe.scenario["flows"].as_array().expect("flows");
    let steps = flows.iter().flat_map(|flow| flow["steps"].as_array().expect("steps"));
    let once: Vec<&str> =
        steps.filter(|it| it["once"] == true).filter_map(|it| it["name"].as_str()).collect();
    for step in summary["steps"].as_array().expect("steps") {
        assert_eq!(step["error_rate"], 0.0, "{}: {said}", step["name"]);
        // What is done once may be over before the judged seconds.
        let is_once = once.contains(&step["name"].as_str().expect("a name"));
        let goodput = step["goodput"].as_f64().expect("a rate");
        assert!(is_once || goodput > 0.0, "{}: {said}", step["name"]);
    }
}

#[test]
fn each_recipe_is_a_scenario_as_it_stands() {
    let recipes = recipes();
    assert!(recipes.len() >= 10, "{}", recipes.len());
    for recipe in &recipes {
        let place = recipe.laid_out();
        let checked = play(&["check"], place.path());
        let said = format!("{}{}", stdout(&checked), stderr(&checked));
        assert!(checked.status.success(), "{}: {said}", recipe.heading);
        // The nine moments of the recording are an example of the file, and the page says so.
        let can_pass = !said.contains("inconclusive") || recipe.scenario["name"] == "recording";
        assert!(can_pass, "{} can never pass: {said}", recipe.heading);
    }
}

/// In two halves, which run beside each other.
#[test]
fn the_recipes_of_odd_numbers_work() {
    recipes().iter().step_by(2).for_each(works);
}

#[test]
fn the_recipes_of_even_numbers_work() {
    recipes().iter().skip(1).step_by(2).for_each(works);
}

/// The table at the top leads to each of them.
#[test]
fn each_recipe_is_in_the_table() {
    let page = fs::read_to_string(support::root().join("docs/recipes.md")).expect("the page");
    for recipe in recipes() {
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-');
        let anchor: String = recipe.heading.to_lowercase().chars().filter(kept).collect();
        let anchor = format!("(#{})", anchor.replace(' ', "-"));
        assert!(page.contains(&anchor), "{anchor} is missing");
    }
}
