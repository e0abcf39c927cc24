//! No circle between files: whoever reads `src/` can begin at a file that needs no other one.
//!
//! A file uses another one if it names it by a path, in a `use` or elsewhere; files for tests
//! only, and tests at the end of files, do not count, and neither do texts and comments.

use std::collections::{BTreeMap, BTreeSet};

use super::architecture::{Source, sources, tokens};

/// The files that each file uses, all by their modules: `engine::worker`.
type Graph = BTreeMap<String, BTreeSet<String>>;

fn graph(sources: &[Source]) -> Graph {
    let own = |source: &&Source| !source.is_test && !source.module().is_empty();
    let named = |source: &Source| source.module().join("::");
    let files: BTreeSet<String> = sources.iter().filter(own).map(named).collect();
    let uses = |source: &Source| {
        let module: Vec<String> = source.module().iter().map(|part| (*part).to_owned()).collect();
        let found = paths(&tokens(&source.without_tests()));
        let found = found.iter().filter_map(|path| file_of(path, &module, &files));
        found.filter(|file| *file != module.join("::")).collect()
    };
    sources.iter().filter(own).map(|source| (named(source), uses(source))).collect()
}

/// The file that a path leads to, seen from a module.
fn file_of(path: &[String], module: &[String], files: &BTreeSet<String>) -> Option<String> {
    let climbed = path.iter().take_while(|part| *part == "super").count();
    let mut whole: Vec<String> = match path.first()?.as_str() {
        "crate" => path[1..].to_vec(),
        "super" => [module.get(..module.len().checked_sub(climbed)?)?, &path[climbed..]].concat(),
        "self" => [module, &path[1..]].concat(),
        _ => [module, path].concat(),
    };
    while !whole.is_empty() {
        if files.contains(&whole.join("::")) {
            return Some(whole.join("::"));
        }
        whole.pop();
    }
    None
}

/// Every path in a `use`, and every other one that begins with `crate`, `super` or `self`.
fn paths(tokens: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let before = at.checked_sub(1).map_or("", |before| tokens[before].as_str());
        match tokens[at].as_str() {
            "use" => {
                let length = tokens[at..].iter().position(|token| token == ";");
                let end = at + length.unwrap_or(tokens.len() - at);
                expand(&[], &tokens[at + 1..end], &mut found);
                at = end;
            }
            "crate" | "super" | "self" if before != ":" && before != "(" => {
                let path = plain_path(&tokens[at..]);
                at += path.len().max(1) * 3 - 3;
                found.push(path);
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The words of `a::b::c` at the beginning.
fn plain_path(tokens: &[String]) -> Vec<String> {
    let mut path = vec![tokens[0].clone()];
    let mut rest = &tokens[1..];
    while let [colon, second, word, after @ ..] = rest
        && colon == ":"
        && second == ":"
        && word.starts_with(|c: char| c.is_alphabetic() || c == '_')
    {
        path.push(word.clone());
        rest = after;
    }
    path
}

/// The paths of a `use`: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(prefix: &[String], tokens: &[String], found: &mut Vec<Vec<String>>) {
    let Some(open) = tokens.iter().position(|token| token == "{") else {
        let words = tokens.iter().take_while(|token| *token != "as" && *token != "*");
        let words = words.filter(|token| *token != ":").cloned();
        return found.push(prefix.iter().cloned().chain(words).collect());
    };
    let words = tokens[..open].iter().filter(|token| *token != ":").cloned();
    let prefix: Vec<String> = prefix.iter().cloned().chain(words).collect();
    let mut depth = 0;
    let mut piece = Vec::new();
    for token in &tokens[open + 1..] {
        match (token.as_str(), depth) {
            (",", 0) => expand(&prefix, &std::mem::take(&mut piece), found),
            ("}", 0) => break,
            (sign, _) => {
                depth += i32::from(sign == "{") - i32::from(sign == "}");
                piece.push(token.clone());
            }
        }
    }
    if !piece.is_empty() {
        expand(&prefix, &piece, found);
    }
}

/// Files that use each other in a circle, in its order; `None` without one.
fn circle(graph: &Graph) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    graph.keys().find_map(|file| circle_from(file, graph, &mut Vec::new(), &mut done))
}

fn circle_from(
    file: &str,
    graph: &Graph,
    way: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    if let Some(place) = way.iter().position(|known| known == file) {
        return Some(way[place..].to_vec());
    }
    if done.contains(file) {
        return None;
    }
    way.push(file.to_owned());
    let found = graph[file].iter().find_map(|next| circle_from(next, graph, way, done));
    way.pop();
    done.insert(file.to_owned());
    found
}

#[test]
fn no_file_stands_in_a_circle() {
    let graph = graph(&sources());
    assert!(graph["cli"].len() > 5 && graph["units"].len() < 3, "{:?}", graph["cli"]);
    assert_eq!(circle(&graph), None);
}

#[test]
fn a_circle_is_caught() {
    let circle_of = |files: &[(&str, &str)]| {
        let made: Vec<Source> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
        circle(&graph(&made)).map(|found| found.join(" "))
    };
    let two = |a: &str, b: &str| circle_of(&[("x/a.rs", a), ("x/b.rs", b), ("x/mod.rs", "mod a;")]);
    for (a, b) in [
        ("use crate::x::b::B;", "use super::a::A;"),
        ("use super::{b::{self, B}, c};", "fn f() { crate::x::a::g() }"),
        ("use super::b as other;", "use crate::{y, x::{a::A}};"),
    ] {
        assert_eq!(two(a, b).as_deref(), Some("x::a x::b"), "{a} {b}");
    }
    for b in [
        "// use super::a;",
        "const A: &str = \"crate::x::a\";",
        "#[cfg(test)]\nmod tests {\n    use super::super::a::A;\n}",
    ] {
        assert_eq!(two("use super::b::B;", b), None, "{b}");
    }
    let parent = [("x/mod.rs", "mod a; use a::A;"), ("x/a.rs", "use crate::x::X;")];
    assert_eq!(circle_of(&parent).as_deref(), Some("x x::a"));
    let three =
        [("a.rs", "use crate::b::B;"), ("b.rs", "use crate::c::C;"), ("c.rs", "crate::a::f()")];
    assert_eq!(circle_of(&three).as_deref(), Some("a b c"));
}
